// The idea of a lesson: a paragraph with numbers that can be dragged, and beside it the figure that follows them.

import { fill, make, makeFormats, setAttribute, setText } from "../shared/browser/format.js";
import { IdeaChart } from "./idea_chart.js";
import { positionOf, pressed, valueAt } from "./idea_handles.js";
import { MODELS } from "./idea_models.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("./idea_models.js").Model} Model */
/**
 * @typedef {object} IdeaData
 * @property {string} lesson
 * @property {string} text With `{name}` for each number, and `{outcome}` for one of the words.
 * @property {Labels} words Names of numbers and lines, the title of x, and the sentences of outcomes.
 * @property {Labels} labels
 * @property {string} locale
 */

const RANGE_PX = 260; // From one end of a range to the other.
const PLACE = /\{(\w+)\}/;
const KEYS = /** @type {Record<string, number>} */ ({
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 10,
  PageDown: -10,
});

export default class Idea {
  /**
   * @param {HTMLElement} parent
   * @param {IdeaData} data
   */
  constructor(parent, data) {
    this.model = MODELS[data.lesson];
    this.words = data.words;
    const formats = makeFormats(data.locale);
    const percent = new Intl.NumberFormat(data.locale, { style: "percent", maximumSignificantDigits: 2 });
    this.formats = {
      integer: formats.integer,
      percent: (/** @type {number} */ value) => percent.format(value < 1e-9 ? 0 : value),
      fixed: new Intl.NumberFormat(data.locale, { maximumFractionDigits: 2 }).format,
      significant: new Intl.NumberFormat(data.locale, { maximumSignificantDigits: 3 }).format,
    };
    /** @type {Record<string, number>} */
    this.at = Object.fromEntries(Object.entries(this.model.handles).map(([name, { start }]) => [name, start]));
    /** @type {Record<string, HTMLElement[]>} By the number's name: wherever the paragraph says it. */
    this.places = {};
    this.outcome = make("span", { class: "dqn-idea-outcome" });
    this.paragraph = make("p", {}, ...this.parts(data.text));
    this.hint = make("p", { class: "dqn-hint" }, data.labels.hint);
    this.chart = new IdeaChart(data.words, formats);
    const text = make("div", { class: "dqn-idea-text" }, this.paragraph, this.hint);
    const body = make("div", { class: "dqn-idea" }, text, this.chart.element);
    const names = { "aria-label": data.labels.title, "data-testid": "idea", "data-lesson": data.lesson };
    this.root = make("section", { class: "dqn-live", ...names }, body);
    parent.append(this.root);
    this.tell();
  }

  /** @param {IdeaData} data */
  static identityOf(data) {
    return `${data.lesson} ${data.locale}`;
  }

  accept() {}

  /**
   * The paragraph's text, with an element for each number.
   * @param {string} text
   * @returns {(Node | string)[]}
   */
  parts(text) {
    return text.split(/(\{\w+\})/).map((part) => {
      const name = part.match(PLACE)?.[1];
      if (name === undefined) return part;
      if (name === "outcome") return this.outcome;
      const element = name in this.model.handles ? this.handle(name) : make("output", { class: "dqn-idea-number" });
      element.dataset.number = name;
      (this.places[name] ??= []).push(element);
      return element;
    });
  }

  /** @param {string} name */
  handle(name) {
    const handle = this.model.handles[name];
    const element = make("span", {
      class: "dqn-idea-handle",
      role: "slider",
      tabindex: "0",
      "aria-label": this.words[name],
      "aria-valuemin": String(handle.low),
      "aria-valuemax": String(handle.high),
    });
    /** @type {{x: number, position: number} | null} */
    let from = null;
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      from = { x: event.clientX, position: positionOf(handle, this.at[name]) };
      element.focus();
      event.preventDefault();
    });
    element.addEventListener("pointermove", (event) => {
      if (from !== null) this.set(name, valueAt(handle, from.position + (event.clientX - from.x) / RANGE_PX));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, () => {
        from = null;
      });
    }
    element.addEventListener("keydown", (event) => {
      const presses = KEYS[event.key];
      if (presses !== undefined) this.set(name, pressed(handle, this.at[name], presses));
      else if (event.key === "Home") this.set(name, handle.low);
      else if (event.key === "End") this.set(name, handle.high);
      else return;
      event.preventDefault();
    });
    return element;
  }

  /**
   * @param {string} name
   * @param {number} value
   */
  set(name, value) {
    if (this.at[name] === value) return;
    this.at[name] = value;
    this.tell();
  }

  tell() {
    const told = this.model.tell(this.at);
    const numbers = Object.entries({ ...told.numbers, ...this.at });
    const texts = Object.fromEntries(
      numbers.map(([name, value]) => [name, this.formats[this.model.formats?.[name] ?? "significant"](value)]),
    );
    for (const [name, elements] of Object.entries(this.places)) {
      const text = texts[name];
      for (const element of elements) {
        setText(element, text);
        if (!(name in this.at)) continue;
        setAttribute(element, "aria-valuenow", String(this.at[name]));
        setAttribute(element, "aria-valuetext", text);
      }
    }
    setText(this.outcome, told.outcome ? fill(this.words[told.outcome], texts) : "");
    this.chart.show(told.figure);
  }

  dispose() {
    this.chart.dispose();
    this.root.remove();
  }
}
