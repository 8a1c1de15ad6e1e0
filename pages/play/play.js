// A person plays an environment, then sees what the agent got from the same start.

import { fetchNumbers } from "../shared/episode/episode.js";
import { DASH, fill, make, makeFormats, setAttribute, setText } from "../shared/browser/format.js";
import { Game } from "./game.js";
import { Keys } from "./keys.js";
import { BestList, ResultView } from "./result.js";

const SEEDS = 10000;

/** @typedef {import("./game.js").GameState} GameState */
/** @typedef {{abort: AbortController, result: import("./result.js").AgentResult | null}} AgentEpisode */
/**
 * @typedef {object} PlayData What Python hands over.
 * @property {string} env_id
 * @property {string | null} run_id Of the agent, where there is one.
 * @property {string[]} action_names
 * @property {[number, number] | null} [picture_size] Width and height of the pictures, where they are known.
 * @property {Record<string, number>} play_keys Action by a key's name.
 * @property {boolean} is_sticky Whether an action goes on when its key is released.
 * @property {number} speed Share of real time to begin with.
 * @property {number[]} speeds
 * @property {string} idle_note
 * @property {string} replay_address
 * @property {string} locale
 * @property {import("../shared/browser/format.js").Labels} labels
 */

export default class PlayPanel {
  /**
   * @param {HTMLElement} parent
   * @param {PlayData} data
   */
  constructor(parent, data) {
    const { labels } = data;
    const formats = makeFormats(data.locale);
    this.data = data;
    this.formats = formats;
    this.speed = data.speed;
    /** @type {AgentEpisode | undefined} */
    this.agent = undefined;
    this.best = new BestList(labels, formats);
    this.keys = new Keys({
      keys: data.play_keys,
      isSticky: data.is_sticky,
      actionNames: data.action_names,
      labels,
      onAction: (action) => this.act(action),
      onEnter: () => this.game.isOver && this.begin(false),
    });
    const [width, height] = data.picture_size ?? [600, 400];
    this.canvas = make("canvas", {
      class: "dqn-play-picture",
      width: String(width),
      height: String(height),
      role: "img",
      "aria-label": labels.picture,
      "data-testid": "game-picture",
    });
    this.canvas.style.setProperty("--dqn-aspect", String(width / height));
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
      "div",
      { class: "dqn-card dqn-play-stage" },
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
      { class: "dqn-live dqn-play", lang: data.locale, tabindex: "-1", "aria-label": labels.game, "data-testid": "play" },
      make(
        "div",
        { class: "dqn-play-columns" },
        stage,
        make("div", { class: "dqn-play-side" }, this.result.element, this.best.element),
      ),
    );
    parent.append(this.root);
    if (this.keys.needFocus && document.activeElement === document.body) this.takeFocus();
    this.seed = newSeed();
    this.game = this.newGame();
  }

  /** @param {PlayData} data */
  static identityOf(data) {
    return JSON.stringify(data);
  }

  accept() {
    publish(this);
  }

  /** @param {number} speed */
  speedButton(speed) {
    const button = make("button", { type: "button" }, fill(this.data.labels.speed_n, { n: speed }));
    button.addEventListener("click", () => {
      this.speed = speed;
      this.game.setSpeed(speed);
      this.showSpeed();
      this.takeFocus(); // so that the next key is the game's
    });
    return button;
  }

  takeFocus() {
    this.root.focus({ preventScroll: true });
  }

  showSpeed() {
    this.data.speeds.forEach((speed, i) => setAttribute(this.speeds[i], "aria-pressed", String(speed === this.speed)));
  }

  /**
   * A new game, on the same start or on another.
   * @param {boolean} isSame
   */
  begin(isSame) {
    this.takeFocus();
    this.game.dispose();
    this.agent?.abort.abort();
    this.agent = undefined;
    if (!isSame) this.seed = newSeed();
    this.game = this.newGame();
  }

  newGame() {
    const { data } = this;
    this.keys.action = null;
    this.result.element.hidden = true;
    this.showNote(data.labels.connecting);
    this.showSpeed();
    /** @type {Record<string, string>} */
    const what = data.run_id ? { run: data.run_id } : { env: data.env_id };
    const how = { seed: String(this.seed), speed: String(this.speed), lang: data.locale };
    const query = new URLSearchParams({ ...what, ...how });
    return new Game({
      address: new URL(`live/play?${query}`, document.baseURI).href.replace(/^http/, "ws"),
      canvas: this.canvas,
      onState: (state) => this.showState(state),
      onEnd: (problem) => this.end(problem),
    });
  }

  /** @param {number | null} action */
  act(action) {
    if (this.game.isOver || this.game.state === null) return;
    if (!this.game.hasBegun && action !== null) this.askAgent();
    this.game.act(action);
    if (this.game.hasBegun) this.showNote("");
  }

  /** The agent plays while the person does, so that its return is there at the end. */
  async askAgent() {
    const { run_id: runId, locale } = this.data;
    if (!runId) return;
    /** @type {AgentEpisode} */
    const agent = { abort: new AbortController(), result: null };
    this.agent = agent;
    const query = new URLSearchParams({ checkpoint: "best", seed: String(this.seed), epsilon: "0", lang: locale });
    const url = `live/runs/${encodeURIComponent(runId)}/replay?${query}`;
    try {
      agent.result = await fetchNumbers(url, agent.abort.signal, () => undefined);
    } catch (error) {
      if (agent.abort.signal.aborted) return;
      agent.result = { problem: error instanceof Error ? error.message : String(error) };
    }
    this.showResult();
  }

  /** @param {GameState} state */
  showState(state) {
    setText(this.score, this.formats.score(state.episode_return));
    setText(this.steps, this.formats.integer(state.step));
    if (!this.game.hasBegun && state.step === 0) this.showNote(beginText(this.data.labels));
  }

  /** @param {string} text */
  showNote(text) {
    setText(this.note, text);
    this.note.hidden = text === "";
  }

  /** @param {import("./game.js").GameProblem | null} problem */
  end(problem) {
    if (problem !== null) {
      this.showNote(problem.error ?? this.data.labels.lost);
      this.result.element.hidden = true;
      return;
    }
    const score = this.game.state?.episode_return ?? NaN;
    this.best.add({ score, seed: this.seed, agent: this.agent });
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

function newSeed() {
  return Math.floor(Math.random() * SEEDS);
}

/**
 * For tests and the curious: what the page's game holds.
 * @param {PlayPanel} panel
 */
function publish(panel) {
  window.dqnLabPlay = {
    state: () => panel.game.state,
    seed: () => panel.seed,
    isOver: () => panel.game.isOver,
    action: () => panel.keys.action,
  };
}

/**
 * How to begin, by what there is to press.
 * @param {import("../shared/browser/format.js").Labels} labels
 */
function beginText(labels) {
  return matchMedia("(hover: none)").matches ? labels.begin_touch : labels.begin;
}
