// How far a job on the server is, in words and as a bar.

import { fill, make, setAttribute, setText } from "../format.js";
import { follow } from "../live_socket.js";

const OVER = ["done", "failed", "cancelled", "gone"];

/**
 * Follows a job; gives a function that lets go of it. `onNews` hears {state, share, places_before, error, video}; the
 * state of a job that the server does not know (any more) is "gone".
 */
export function followJob(jobId, language, onNews) {
  return follow({ topic: "job", parameters: { job: jobId }, language, onData: onNews });
}

/** Whether a job comes no further. */
export function isOver(state) {
  return OVER.includes(state);
}

/** A job's bar, what it says beside it, and a button to end it. */
export class JobView {
  constructor({ labels, formats, onCancel }) {
    Object.assign(this, { labels, formats });
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

  /** Only whoever asked for the job may end it. */
  offerCancel(mayCancel) {
    this.mayCancel = mayCancel;
    this.cancel.disabled = false;
    this.cancel.hidden = !mayCancel;
  }

  show({ state, share = 0, places_before: before = 0, error }) {
    const { labels, formats } = this;
    const isAtItsEnd = isOver(state);
    setAttribute(this.element, "data-state", state);
    setAttribute(this.bar, "aria-valuenow", String(Math.round(100 * share)));
    setAttribute(this.bar, "aria-label", labels.working);
    this.fill.style.transform = `scaleX(${share})`;
    this.bar.hidden = isAtItsEnd;
    this.cancel.hidden = isAtItsEnd || !this.mayCancel;
    setText(this.text, this.said({ state, before, error, share: formats.percent(share) }));
  }

  said({ state, before, error, share }) {
    const { labels } = this;
    if (state === "failed" && error) return error;
    if (state === "waiting") return before > 0 ? fill(labels.waiting_behind, { n: before }) : labels.waiting;
    if (state === "working") return `${labels.working} ${share}`;
    return { cancelled: labels.cancelled, gone: labels.gone }[state] ?? "";
  }
}
