// How far a job on the server is, asked for again and again until it is over.

import { fill, make, setAttribute, setText } from "../format.js";

const JOB_EVERY_MS = 300;
const JOB_RETRY_MS = 2000; // After an answer that could not be had.
export const JOB_OVER = ["done", "failed", "cancelled"];

export class JobWatch {
  /** `onNews` is given each answer: {state, share, places_before, error, film}; state is "gone" for an unknown job. */
  constructor({ url, onNews }) {
    this.url = url;
    this.onNews = onNews;
    this.isDisposed = false;
    this.ask();
  }

  async ask() {
    const news = await this.fetchNews();
    if (this.isDisposed) return;
    if (news) this.onNews(news);
    if (news && (news.state === "gone" || JOB_OVER.includes(news.state))) return;
    this.timer = setTimeout(() => this.ask(), news ? JOB_EVERY_MS : JOB_RETRY_MS);
  }

  async fetchNews() {
    try {
      const response = await fetch(this.url);
      if (response.status === 404) return { state: "gone" };
      return response.ok ? await response.json() : null;
    } catch {
      return null; // The server cannot be reached just now.
    }
  }

  dispose() {
    this.isDisposed = true;
    clearTimeout(this.timer);
  }
}

/** A job's bar, what it says beside it, and a button to end it. */
export class JobView {
  constructor({ labels, formats, words, onCancel }) {
    Object.assign(this, { labels, formats, words });
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
    const isOver = state === "gone" || JOB_OVER.includes(state);
    setAttribute(this.element, "data-state", state);
    setAttribute(this.bar, "aria-valuenow", String(Math.round(100 * share)));
    setAttribute(this.bar, "aria-label", labels.working);
    this.fill.style.transform = `scaleX(${share})`;
    this.bar.hidden = isOver;
    this.cancel.hidden = isOver || !this.mayCancel;
    setText(this.text, this.said({ state, before, error, share: formats.percent(share) }));
  }

  said({ state, before, error, share }) {
    const { labels } = this;
    if (state === "failed" && error) return this.words.message(error);
    if (state === "waiting") return before > 0 ? fill(labels.waiting_behind, { n: before }) : labels.waiting;
    if (state === "working") return `${labels.working} ${share}`;
    return { cancelled: labels.cancelled, gone: labels.gone }[state] ?? "";
  }
}
