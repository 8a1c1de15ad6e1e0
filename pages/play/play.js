// A person plays an environment, then sees what the agent got from the same start.

import { fetchNumbers } from "../shared/episode.js";
import { DASH, fill, make, makeFormats, setAttribute, setText } from "../shared/format.js";
import { Game } from "./game.js";
import { Keys } from "./keys.js";
import { BestList, ResultView } from "./result.js";

const SEEDS = 10000;

export default class PlayPanel {
  constructor(parent, data) {
    this.data = data;
    this.formats = makeFormats(data.locale);
    this.speed = data.speed;
    this.best = new BestList(data.labels, this.formats);
    this.keys = new Keys({
      keys: data.play_keys,
      isSticky: data.is_sticky,
      actionNames: data.action_names,
      labels: data.labels,
      onAction: (action) => this.act(action),
      onEnter: () => this.game.isOver && this.begin(false),
    });
    this.build();
    parent.append(this.root);
    this.begin(false);
  }

  static identityOf(data) {
    return JSON.stringify(data);
  }

  accept() {
    publish(this);
  }

  build() {
    const { data, formats } = this;
    const { labels } = data;
    this.canvas = make("canvas", {
      class: "dqn-play-picture",
      width: "600",
      height: "400",
      role: "img",
      "aria-label": labels.picture,
      "data-testid": "game-picture",
    });
    this.note = make("p", { class: "dqn-play-note", role: "status", "data-testid": "game-note" });
    this.result = new ResultView({
      labels,
      formats,
      replayAddress: data.replay_address,
      onAgain: (isSame) => this.begin(isSame),
    });
    this.score = make("b", { "data-testid": "game-return" }, DASH);
    this.steps = make("b", { "data-testid": "game-steps" }, DASH);
    this.speeds = data.speeds.map((speed) => this.speedButton(speed));
    const stage = make(
      "section",
      { class: "dqn-card dqn-play-stage", "aria-label": labels.game },
      make(
        "div",
        { class: "dqn-card-head" },
        make("div", { class: "dqn-hud" }, make("span", {}, labels.return, " ", this.score), make("span", {}, labels.steps, " ", this.steps)),
        make("div", { class: "dqn-play-speeds", role: "group", "aria-label": labels.speed }, ...this.speeds),
      ),
      make("div", { class: "dqn-play-box" }, this.canvas, this.note),
      this.keys.element,
      make("p", { class: "dqn-idle" }, data.idle_note),
    );
    this.root = make(
      "section",
      { class: "dqn-live dqn-play", lang: data.locale, "aria-label": labels.game, "data-testid": "play" },
      make(
        "div",
        { class: "dqn-play-columns" },
        stage,
        make("div", { class: "dqn-play-side" }, this.result.element, this.best.element),
      ),
    );
  }

  speedButton(speed) {
    const button = make("button", { type: "button" }, fill(this.data.labels.speed_n, { n: speed }));
    button.addEventListener("click", () => {
      this.speed = speed;
      this.game.setSpeed(speed);
      this.showSpeed();
      button.blur(); // so that the next key is the game's
    });
    return button;
  }

  showSpeed() {
    this.data.speeds.forEach((speed, i) => setAttribute(this.speeds[i], "aria-pressed", String(speed === this.speed)));
  }

  /** A new game, on the same start or on another. */
  begin(isSame) {
    const { data } = this;
    this.game?.dispose();
    this.agent?.abort.abort();
    if (!isSame || this.seed === undefined) this.seed = Math.floor(Math.random() * SEEDS);
    this.agent = undefined;
    this.keys.action = null;
    this.result.element.hidden = true;
    this.showNote(data.labels.connecting);
    this.showSpeed();
    const what = data.run_id ? { run: data.run_id } : { env: data.env_id };
    const query = new URLSearchParams({ ...what, seed: this.seed, speed: this.speed, lang: data.locale });
    const { protocol, host } = window.location;
    this.game = new Game({
      address: `${protocol === "https:" ? "wss:" : "ws:"}//${host}${data.base_path}/live/play?${query}`,
      canvas: this.canvas,
      onState: (state) => this.showState(state),
      onEnd: (problem) => this.end(problem),
    });
  }

  act(action) {
    if (this.game.isOver || this.game.state === null) return;
    if (!this.game.hasBegun && action !== null) this.askAgent();
    this.game.act(action);
    if (this.game.hasBegun) this.showNote("");
  }

  /** The agent plays while the person does, so that its return is there at the end. */
  async askAgent() {
    const { run_id: runId, base_path: basePath, locale } = this.data;
    if (!runId) return;
    const agent = { abort: new AbortController(), result: null };
    this.agent = agent;
    const query = new URLSearchParams({ checkpoint: "best", seed: this.seed, epsilon: 0, lang: locale });
    const url = `${basePath}/live/runs/${encodeURIComponent(runId)}/replay?${query}`;
    try {
      agent.result = await fetchNumbers(url, agent.abort.signal, () => undefined);
    } catch (error) {
      if (agent.abort.signal.aborted) return;
      agent.result = { problem: error.message };
    }
    this.showResult();
  }

  showState(state) {
    setText(this.score, this.formats.score(state.episode_return));
    setText(this.steps, this.formats.integer(state.step));
    if (!this.game?.hasBegun && state.step === 0) this.showNote(this.data.labels.begin);
  }

  showNote(text) {
    setText(this.note, text);
    this.note.hidden = text === "";
  }

  end(problem) {
    if (problem !== null) {
      this.showNote(problem.error ?? this.data.labels.lost);
      this.result.element.hidden = true;
      return;
    }
    this.finished = { score: this.game.state.episode_return, seed: this.seed, agent: this.agent };
    this.best.add(this.finished);
    this.showResult();
  }

  showResult() {
    for (const game of this.best.games) game.agentScore = game.agent?.result?.episode_return;
    this.best.draw();
    if (!this.game.isOver || !this.game.state?.over) return;
    this.result.show(this.game.state, this.seed, this.agent ? this.agent.result : undefined);
    this.result.element.hidden = false;
  }

  dispose() {
    this.game.dispose();
    this.agent?.abort.abort();
    this.keys.dispose();
    this.root.remove();
  }
}

/** For tests and the curious: what the page's game holds. */
function publish(panel) {
  window.dqnLabPlay = {
    state: () => panel.game.state,
    seed: () => panel.seed,
    isOver: () => panel.game.isOver,
    action: () => panel.keys.action,
  };
}
