// One line of the list of runs, and its cells.

import { DASH, duration, fill, make, setAttribute, setText } from "../shared/format.js";
import { COLUMNS } from "./list_model.js";

export const NUMBERS = ["seed", "episodes", "best", "rate", "started", "seconds", "size"];
const SIZE_UNITS = ["kB", "MB", "GB"];

/** @typedef {import("../shared/format.js").Labels} Labels */
/** @typedef {import("../shared/format.js").Formats} Formats */
/** @typedef {import("./list_model.js").Run} Run */

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
    const moment = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.thisYear = new Intl.DateTimeFormat(locale, moment);
    this.otherYear = new Intl.DateTimeFormat(locale, { ...moment, year: "numeric" });
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
    return this.isMine(run) ? this.labels.you : fill(this.labels.visitor, { mark: run.owner });
  };

  /**
   * What stands in a cell of numbers.
   * @param {Run} run
   * @param {string} column
   */
  number(run, column) {
    const value = /** @type {Record<string, any>} */ (run)[column];
    if (value === null) return DASH;
    if (column === "best") return this.formats.score(value);
    if (column === "started") return this.moment(new Date(value * 1000));
    if (column === "seconds") return duration(value);
    if (column === "size") return bytes(value, this.formats);
    return this.formats.integer(value);
  }

  /** @param {Date} date */
  moment(date) {
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

/** A line that is made once and then only written where something changed. */
export class RunRow {
  /**
   * @param {Run} run
   * @param {CellTexts} texts
   * @param {string} address
   * @param {(id: string, isRange: boolean) => void} onPick
   * @param {(id: string) => void} onOpen
   */
  constructor(run, texts, address, onPick, onOpen) {
    this.texts = texts;
    this.box = make("input", { type: "checkbox" });
    this.box.addEventListener("click", (event) => onPick(run.id, event.shiftKey));
    this.link = make("a", { href: address });
    this.link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // another tab or window
      event.preventDefault();
      onOpen(run.id);
    });
    this.tags = make("span", { class: "dqn-tags" });
    this.shownTags = "";
    this.badge = make("span", { class: "dqn-badge" });
    this.cells = new Map(COLUMNS.map(([column]) => [column, this.cell(column)]));
    this.at("name").append(this.link, this.tags);
    this.at("state").append(this.badge);
    const pick = make("td", { class: "dqn-pick" }, make("label", {}, this.box));
    this.element = make("tr", { "data-run": run.id }, pick, ...this.cells.values());
    this.show(run);
  }

  /**
   * The cell that was made for a column.
   * @param {string} column
   */
  at(column) {
    return /** @type {HTMLElement} */ (this.cells.get(column));
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
    setText(this.link, run.name);
    setAttribute(this.box, "aria-label", fill(texts.labels.pick, { name: run.name, seed: run.seed }));
    const tags = run.tags.join("\n");
    if (this.shownTags !== tags) {
      this.shownTags = tags;
      this.tags.replaceChildren(...run.tags.map((tag) => make("span", { class: "dqn-tag" }, tag)));
    }
    setText(this.badge, texts.state(run));
    setAttribute(this.badge, "data-state", run.reason === "solved" ? "solved" : run.state);
    setText(this.at("env"), run.env);
    setText(this.at("preset"), texts.preset(run));
    setText(this.at("owner"), texts.owner(run));
    for (const column of NUMBERS) setText(this.at(column), texts.number(run, column));
  }

  /** @param {boolean} isPicked */
  pick(isPicked) {
    this.box.checked = isPicked;
    this.element.classList.toggle("dqn-picked", isPicked);
  }
}
