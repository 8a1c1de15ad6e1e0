// How far a job on the server is, in words and as a bar.

import { fill, make, setAttribute, setText } from "../browser/format.js";
import { follow } from "../browser/live_socket.js";

const OVER = ["done", "failed", "cancelled", "gone"];

/** @typedef {import("../browser/format.js").Labels} Labels */
/** @typedef {import("../browser/format.js").Formats} Formats */
/**
 * @typedef {object} JobNews How far a job is; of one that the server does not know (any more), the state "gone" alone.
 * @property {string} state
 * @property {number} [share] Of the work that is done.
 * @property {number} [jobs_ahead] Jobs that come before it.
 * @property {string | null} [error]
 * @property {import("./video_view.js").Video | null} [video] What came of it.
 */

/**
 * Follows a job; gives a function that ends that.
 * @param {string} jobId
 * @param {string} language
 * @param {(news: JobNews) => void} onNews
 */
export function followJob(jobId, language, onNews) {
  return follow({ topic: "job", parameters: { job: jobId }, language, onData: onNews });
}

/**
 * Whether a job comes no further.
 * @param {string} state
 */
export function isOver(state) {
  return OVER.includes(state);
}

/** A job's bar, what it says beside it, and a button to end it. */
export class JobView {
  /** @param {{labels: Labels, formats: Formats, onCancel: () => void}} options */
  constructor({ labels, formats, onCancel }) {
    this.labels = labels;
    this.formats = formats;
    this.mayCancel = false;
    this.fill = make("div", { class: "dqn-job-fill" });
    this.bar = make("div", { class: "dqn-job-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" });
    this.bar.append(this.fill);
    this.text = make("p", { class: "dqn-job-text", role: "status", "data-testid": "job-state" });
    this.cancel = make("button", { type: "button", class: "dqn-job-cancel" }, labels.cancel);
    this.cancel.addEventListener("click", () => {
      this.cancel.disabled = true;
      onCancel();
    });
    this.element = make("div", { class: "dqn-job", "data-testid": "job" }, this.bar, this.text, this.cancel);
  }

  /**
   * Only whoever asked for the job may end it.
   * @param {boolean} mayCancel
   */
  offerCancel(mayCancel) {
    this.mayCancel = mayCancel;
    this.cancel.disabled = false;
    this.cancel.hidden = !mayCancel;
  }

  /** @param {JobNews} news */
  show(news) {
    const { labels } = this;
    const { state, share = 0 } = news;
    const isAtItsEnd = isOver(state);
    setAttribute(this.element, "data-state", state);
    setAttribute(this.bar, "aria-valuenow", String(Math.round(100 * share)));
    setAttribute(this.bar, "aria-label", labels.working);
    this.fill.style.transform = `scaleX(${share})`;
    this.bar.hidden = isAtItsEnd;
    this.cancel.hidden = isAtItsEnd || !this.mayCancel;
    setText(this.text, this.said(news));
  }

  /** @param {JobNews} news */
  said({ state, share = 0, jobs_ahead: before = 0, error }) {
    const { labels, formats } = this;
    if (state === "failed" && error) return error;
    if (state === "waiting") return before > 0 ? fill(labels.waiting_behind, { n: before }) : labels.waiting;
    if (state === "working") return `${labels.working} ${formats.percent(share)}`;
    return state === "cancelled" || state === "gone" ? labels[state] : "";
  }
}
