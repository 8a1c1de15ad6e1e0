// One line of the table of runs, and its cells.

import { DASH, duration, fill, make, setAttribute, setText } from "../browser/format.js";

export const NUMBERS = ["seed", "episodes", "best", "rate", "started", "seconds", "size"];
const SIZE_UNITS = ["kB", "MB", "GB"];

/** @typedef {import("../browser/format.js").Labels} Labels */
/** @typedef {import("../browser/format.js").Formats} Formats */
/** @typedef {import("./run_model.js").Run} Run */

/** Writes values as the reader's language does. */
export class CellTexts {
  /**
   * @param {Labels} labels
   * @param {Formats} formats
   * @param {string} locale
   * @param {string} ownMark
   */
  constructor(labels, formats, locale, ownMark) {
    this.labels = labels;
    this.formats = formats;
    this.ownMark = ownMark;
    /** @type {Intl.DateTimeFormatOptions} */
    const time = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.thisYear = new Intl.DateTimeFormat(locale, time);
    this.otherYear = new Intl.DateTimeFormat(locale, { ...time, year: "numeric" });
  }

  /** @param {Run} run */
  preset = (run) => this.labels[`preset_${run.preset}`] ?? run.preset;

  /** @param {Run} run */
  state = (run) => this.labels[`reason_${run.reason}`] ?? this.labels[`state_${run.state}`] ?? run.state;

  /** @param {Run} run */
  isMine = (run) => run.owner === "" || run.owner === this.ownMark;

  /** @param {Run} run */
  owner = (run) => {
    if (run.owner === "") return "";
    return this.isMine(run) ? this.labels.you : run.nickname || fill(this.labels.visitor, { mark: run.owner });
  };

  /**
   * What stands in a cell of numbers.
   * @param {Run} run
   * @param {string} column
   */
  number(run, column) {
    const value = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (run))[column];
    if (typeof value !== "number") return DASH;
    if (column === "best") return this.formats.score(value);
    if (column === "started") return this.time(new Date(value * 1000));
    if (column === "seconds") return duration(value);
    if (column === "size") return bytes(value, this.formats);
    return this.formats.integer(value);
  }

  /** @param {Date} date */
  time(date) {
    const isThisYear = date.getFullYear() === new Date().getFullYear();
    return (isThisYear ? this.thisYear : this.otherYear).format(date);
  }
}

/**
 * Bytes with two or three digits, in units of 1,024, as the pages write them.
 * @param {number} count
 * @param {Formats} formats
 */
function bytes(count, formats) {
  let [value, unit] = [count / 1024, 0];
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value < 10 ? formats.score(value) : formats.integer(value)} ${SIZE_UNITS[unit]}`;
}

/**
 * @typedef {object} RowOptions
 * @property {Run} run
 * @property {CellTexts} texts
 * @property {string[]} columns
 * @property {string | null} address Of the run's page; null where its name leads nowhere.
 * @property {(isSelected: boolean, isRange: boolean) => void} onSelect
 * @property {() => void} onOpen
 */

/** A line that is made once and then only written where something changed. */
export class RunRow {
  /** @param {RowOptions} options */
  constructor({ run, texts, columns, address, onSelect, onOpen }) {
    this.texts = texts;
    this.box = make("input", { type: "checkbox" });
    this.box.addEventListener("click", (event) => onSelect(this.box.checked, event.shiftKey));
    this.name = address === null ? make("b") : link(address, onOpen);
    this.tags = make("span", { class: "dqn-tags" });
    this.shownTags = "";
    this.badge = make("span", { class: "dqn-badge" });
    this.cells = new Map(columns.map((column) => [column, this.cell(column)]));
    this.cells.get("name")?.append(this.name, this.tags);
    this.cells.get("state")?.append(this.badge);
    const select = make("td", { class: "dqn-select" }, make("label", {}, this.box));
    this.element = make("tr", { "data-run": run.id }, select, ...this.cells.values());
    // All of the line is the box, but for what is pressed for something else.
    this.element.addEventListener("click", ({ target, shiftKey }) => {
      if (this.box.disabled || /** @type {Element} */ (target).closest("a, label")) return;
      onSelect(!this.box.checked, shiftKey);
    });
    this.element.addEventListener("mousedown", (event) => {
      if (event.shiftKey) event.preventDefault(); // Selects lines, not their text.
    });
    this.show(run);
  }

  /** @param {string} column */
  cell(column) {
    return make("td", {
      class: `dqn-col-${column}${NUMBERS.includes(column) ? " dqn-number" : ""}`,
      "data-label": this.texts.labels[`column_${column}`],
    });
  }

  /** @param {Run} run */
  show(run) {
    const { texts } = this;
    setText(this.name, run.name);
    setAttribute(this.box, "aria-label", fill(texts.labels.select, { name: run.name, seed: run.seed }));
    const tags = run.tags.join("\n");
    if (this.shownTags !== tags) {
      this.shownTags = tags;
      this.tags.replaceChildren(...run.tags.map((tag) => make("span", { class: "dqn-tag" }, tag)));
    }
    setText(this.badge, texts.state(run));
    setAttribute(this.badge, "data-state", run.reason === "solved" ? "solved" : run.state);
    for (const [column, cell] of this.cells) {
      if (column === "env") setText(cell, run.env);
      else if (column === "preset") setText(cell, texts.preset(run));
      else if (column === "owner") setText(cell, texts.owner(run));
      else if (NUMBERS.includes(column)) setText(cell, texts.number(run, column));
    }
  }

  /**
   * @param {boolean} isSelected
   * @param {boolean} isFull Whether no more can be selected.
   */
  showSelected(isSelected, isFull) {
    this.box.checked = isSelected;
    this.box.disabled = isFull && !isSelected;
    this.element.classList.toggle("dqn-selected", isSelected);
  }
}

/**
 * @param {string} address
 * @param {() => void} onOpen
 */
function link(address, onOpen) {
  const made = make("a", { href: address });
  made.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // another tab or window
    event.preventDefault();
    onOpen();
  });
  return made;
}
