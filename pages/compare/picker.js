// A list of runs to choose from: what is typed narrows it, each run has a box, and whole selections are one click.

import { fill, make, setText } from "../shared/format.js";

const TELL_AFTER_MS = 250; // Clicks in quick succession are told together: each telling runs the page's script.

/** @typedef {{id: string, title: string, facts: string, words: string}} PickedRun A run as the list shows it. */
/**
 * @typedef {object} PickerData What Python hands over.
 * @property {PickedRun[]} runs
 * @property {string[]} chosen
 * @property {number} most Runs that can be chosen.
 * @property {string} locale
 * @property {import("../shared/format.js").Labels} labels
 */

export default class RunPicker {
  /**
   * @param {HTMLElement} parent
   * @param {PickerData} data
   */
  constructor(parent, data) {
    this.parent = parent;
    this.labels = data.labels;
    this.locale = data.locale;
    this.runs = data.runs;
    this.most = data.most;
    this.chosen = new Set(data.chosen);
    /** @type {import("../shared/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.isUntold = false; // Whether the page's script does not know of the latest clicks yet.
    const { labels } = data;
    this.filter = make("input", { type: "search", placeholder: labels.filter, "aria-label": labels.filter });
    this.filter.addEventListener("input", () => this.draw());
    this.count = make("p", { class: "dqn-picker-count", role: "status" });
    this.all = this.button(labels.choose_shown, () => this.choose(this.shown().map((run) => run.id)));
    this.none = this.button(labels.choose_none, () => {
      this.chosen.clear();
      this.changed();
    });
    this.list = make("ul", { class: "dqn-picker-list" });
    this.empty = make("p", { class: "dqn-picker-count" });
    this.root = make(
      "section",
      { class: "dqn-live dqn-picker", lang: this.locale, "aria-label": labels.title, "data-testid": "run-picker" },
      this.filter,
      make("div", { class: "dqn-picker-tools" }, this.all, this.none),
      this.count,
      this.list,
      this.empty,
    );
    this.parent.append(this.root);
  }

  /** @param {PickerData} data */
  static identityOf({ locale }) {
    return locale;
  }

  /**
   * @param {string} text
   * @param {() => void} onClick
   */
  button(text, onClick) {
    const button = make("button", { type: "button", class: "dqn-switch" }, text);
    button.addEventListener("click", onClick);
    return button;
  }

  /**
   * @param {PickerData} data
   * @param {import("../shared/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    this.runs = data.runs;
    this.most = data.most;
    const isTold = data.chosen.length === this.chosen.size && data.chosen.every((id) => this.chosen.has(id));
    if (isTold) this.isUntold = false;
    if (!this.isUntold) this.chosen = new Set(data.chosen);
    this.draw();
  }

  /** Runs in which every typed word is found. */
  shown() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.runs.filter((run) => words.every((word) => run.words.includes(word)));
  }

  /** @param {string[]} ids */
  choose(ids) {
    for (const id of ids) if (this.chosen.size < this.most) this.chosen.add(id);
    this.changed();
  }

  changed() {
    this.isUntold = true;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setTriggerValue("chosen", [...this.chosen]), TELL_AFTER_MS);
  }

  draw() {
    const shown = this.shown();
    setText(this.count, fill(this.labels.count, { chosen: this.chosen.size, count: this.runs.length }));
    this.all.disabled = shown.every((run) => this.chosen.has(run.id)) || this.chosen.size >= this.most;
    this.none.disabled = this.chosen.size === 0;
    setText(this.empty, this.runs.length === 0 ? this.labels.no_runs : this.labels.no_match);
    this.empty.hidden = shown.length > 0;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.run;
    const scrolled = this.list.scrollTop;
    this.list.replaceChildren(...shown.map((run) => this.row(run)));
    this.list.scrollTop = scrolled;
    /** @type {HTMLElement | null} */
    const again = focused ? this.list.querySelector(`[data-run="${focused}"]`) : null;
    again?.focus({ preventScroll: true });
  }

  /** @param {PickedRun} run */
  row(run) {
    const box = make("input", { type: "checkbox", "data-run": run.id });
    box.checked = this.chosen.has(run.id);
    box.disabled = !box.checked && this.chosen.size >= this.most;
    box.addEventListener("change", () => {
      if (box.checked) this.choose([run.id]);
      else {
        this.chosen.delete(run.id);
        this.changed();
      }
    });
    return make("li", {}, make("label", {}, box, make("span", {}, run.title, make("small", {}, run.facts))));
  }

  dispose() {
    clearTimeout(this.timer);
    this.root.remove();
  }
}
