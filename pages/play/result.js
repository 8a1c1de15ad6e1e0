// What came of a game: the player's return beside the agent's on the same start; and the best games of this session.

import { fill, make, setAttribute, setText } from "../shared/browser/format.js";

const BEST_SHOWN = 5;

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/format.js").Formats} Formats */
/** @typedef {{episode_return?: number, problem?: string}} AgentResult */
/** @typedef {{score: number, seed: number, agentScore?: number, agent?: {result: AgentResult | null}}} PlayedGame */

/**
 * Percent of the track for each score: the best has all of it, also where returns are negative.
 * @param {number[]} scores
 */
export function barLengths(scores) {
  const best = Math.max(...scores);
  const floor = Math.min(0, best, 1.25 * Math.min(...scores));
  return scores.map((score) => (best > floor ? Math.max(0.5, (100 * (score - floor)) / (best - floor)) : 100));
}

export class ResultView {
  /**
   * @param {{labels: Labels, formats: Formats, replayAddress: string, onAgain: (isSame: boolean) => void}} options
   */
  constructor({ labels, formats, replayAddress, onAgain }) {
    this.labels = labels;
    this.formats = formats;
    this.replayAddress = replayAddress;
    this.title = make("h2", {});
    this.bars = make("dl", { class: "dqn-versus" });
    this.verdict = make("p", { class: "dqn-verdict", role: "status", "data-testid": "verdict" });
    this.watch = make("a", { class: "dqn-watch", "data-testid": "watch-agent" }, labels.watch);
    this.again = make("button", { type: "button", class: "dqn-main", "data-testid": "play-again" }, labels.again);
    this.same = make("button", { type: "button" }, labels.same);
    this.again.addEventListener("click", () => onAgain(false));
    this.same.addEventListener("click", () => onAgain(true));
    this.element = make(
      "section",
      { class: "dqn-card dqn-result", "data-testid": "result" },
      this.title,
      this.bars,
      this.verdict,
      make("div", { class: "dqn-result-buttons" }, this.again, this.same, this.watch),
    );
  }

  /**
   * `agent` is null while the agent's episode is on its way, undefined without an agent.
   * @param {{truncated: boolean, episode_return: number}} state
   * @param {number} seed
   * @param {AgentResult | null | undefined} agent
   */
  show(state, seed, agent) {
    const { labels, formats } = this;
    setText(this.title, state.truncated ? labels.cut_off : labels.ended);
    /** @type {[string, number, string][]} */
    const entries = [[labels.you, state.episode_return, "you"]];
    if (agent?.episode_return !== undefined) entries.push([labels.agent, agent.episode_return, "agent"]);
    const scores = entries.map(([, score]) => score);
    const length = barLengths(scores);
    this.bars.replaceChildren(
      ...entries.map(([name, score, kind], i) => {
        const bar = make("span", { class: `dqn-versus-bar dqn-versus-${kind}` });
        bar.style.width = `${length[i]}%`;
        return make(
          "div",
          {},
          make("dt", {}, name),
          make("dd", {}, make("span", { class: "dqn-versus-track", "aria-hidden": "true" }, bar)),
          make("dd", { class: "dqn-versus-score", "data-testid": `score-${kind}` }, formats.score(score)),
        );
      }),
    );
    setText(this.verdict, this.verdictOn(state.episode_return, agent));
    this.watch.hidden = agent?.episode_return === undefined;
    setAttribute(this.watch, "href", `${this.replayAddress}&seed=${seed}`);
  }

  /**
   * @param {number} own
   * @param {AgentResult | null | undefined} agent
   */
  verdictOn(own, agent) {
    const { labels } = this;
    if (agent === undefined) return "";
    if (agent === null) return labels.agent_thinks;
    if (agent.problem) return `${labels.agent_missing} ${agent.problem}`;
    const score = agent.episode_return ?? NaN;
    if (own > score) return labels.won;
    return own === score ? labels.drawn : labels.beaten;
  }
}

/** The best games since the page was opened. */
export class BestList {
  /**
   * @param {Labels} labels
   * @param {Formats} formats
   */
  constructor(labels, formats) {
    this.labels = labels;
    this.formats = formats;
    /** @type {PlayedGame[]} */
    this.games = [];
    this.list = make("ol", { class: "dqn-best", "data-testid": "best" });
    this.empty = make("p", { class: "dqn-best-empty" }, labels.no_games);
    this.element = make("section", { class: "dqn-card" }, make("h2", {}, labels.best), this.empty, this.list);
  }

  /** @param {PlayedGame} game */
  add(game) {
    this.games.push(game);
    this.games.sort((one, other) => other.score - one.score);
    this.draw();
  }

  draw() {
    const { labels, formats } = this;
    this.empty.hidden = this.games.length > 0;
    const rows = this.games.slice(0, BEST_SHOWN).map(({ score, agentScore, seed }) =>
      make(
        "li",
        {},
        make("b", {}, formats.score(score)),
        make("span", {}, agentScore === undefined ? "" : `${labels.agent} ${formats.score(agentScore)}`),
        make("span", {}, fill(labels.start_n, { n: formats.integer(seed) })),
      ),
    );
    this.list.replaceChildren(...rows);
  }
}
