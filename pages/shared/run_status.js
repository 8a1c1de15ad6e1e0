// The state of the run shown, and a link to the reader's own active runs: followed, not drawn anew by the page.

import { fill, make, setAttribute, setText } from "./browser/format.js";
import { follow } from "./browser/live_socket.js";

/** @typedef {import("./browser/format.js").Labels} Labels */
/**
 * @typedef {object} Status
 * @property {string} state
 * @property {string} label
 * @property {boolean} is_active
 * @property {string} owner
 */
/** @typedef {Status & {id: string}} Run */
/**
 * @typedef {object} StatusData What Python hands over.
 * @property {string | null} run
 * @property {Status | null} status Of the run shown, when the page was drawn.
 * @property {string} reader
 * @property {string} locale
 * @property {Labels} labels
 */

/** What a chip says of runs in these states, the first kind that there is any of. */
const KINDS = /** @type {const} */ ([
  ["n_running", ["running", "starting"]],
  ["n_paused", ["paused"]],
  ["n_queued", ["queued"]],
]);

/**
 * The chip for a reader with these runs: its text's name, how many they are, and the one that it leads to.
 * @param {Run[]} runs Newest first.
 * @param {string} reader
 */
export function chipOf(runs, reader) {
  const own = runs.filter((run) => run.is_active && (run.owner === reader || run.owner === ""));
  for (const [text, states] of KINDS) {
    const found = own.filter((run) => states.some((state) => state === run.state));
    if (found.length) return { text, count: found.length, run: found[0].id, state: found[0].state };
  }
  return null;
}

export default class RunStatus {
  /**
   * @param {HTMLElement} parent
   * @param {StatusData} data
   */
  constructor(parent, data) {
    this.data = data;
    this.badge = make("span", { class: "dqn-badge", "data-testid": "shown-state" });
    this.chip = make("a", { class: "dqn-active-runs", "data-testid": "active-runs", target: "_self" });
    this.chip.hidden = true;
    this.root = make("div", { class: "dqn-live dqn-run-status" }, this.badge, this.chip);
    parent.append(this.root);
    this.unfollow = follow({ topic: "active", language: data.locale, onData: (runs) => this.show(runs) });
  }

  /** @param {StatusData} data */
  static identityOf(data) {
    return JSON.stringify([data.locale, data.reader, data.run]);
  }

  /** @param {StatusData} data */
  accept(data) {
    this.data = data;
    if (data.status) this.showState(data.status);
    this.badge.hidden = !data.status;
  }

  /** @param {Run[]} runs */
  show(runs) {
    const shown = runs.find((run) => run.id === this.data.run);
    if (shown) this.showState(shown);
    const { labels, reader, locale } = this.data;
    const chip = chipOf(runs, reader);
    this.chip.hidden = !chip;
    if (!chip) return;
    setText(this.chip, fill(labels[chip.text], { count: chip.count }));
    setAttribute(this.chip, "title", labels.to_active);
    setAttribute(this.chip, "data-state", chip.state);
    const query = new URLSearchParams({ run: chip.run, lang: locale });
    setAttribute(this.chip, "href", `train?${query}`);
  }

  /** @param {Status} status */
  showState(status) {
    setText(this.badge, this.data.labels[status.label]);
    setAttribute(this.badge, "data-state", status.state);
  }

  dispose() {
    this.unfollow();
    this.root.remove();
  }
}
