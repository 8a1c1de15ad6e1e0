// One line of the list of runs, and its cells.

import { DASH, duration, fill, make, setAttribute, setText } from "../shared/format.js";
import { COLUMNS } from "./list_model.js";

export const NUMBERS = ["seed", "episodes", "best", "rate", "started", "seconds", "size"];
const SIZE_UNITS = ["kB", "MB", "GB"];

/** Writes values as the reader's language does. */
export class CellTexts {
  constructor(labels, formats, locale, ownMark) {
    this.labels = labels;
    this.formats = formats;
    this.ownMark = ownMark;
    const moment = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.thisYear = new Intl.DateTimeFormat(locale, moment);
    this.otherYear = new Intl.DateTimeFormat(locale, { ...moment, year: "numeric" });
  }

  preset = (run) => this.labels[`preset_${run.preset}`] ?? run.preset;
  state = (run) => this.labels[`reason_${run.reason}`] ?? this.labels[`state_${run.state}`] ?? run.state;
  isMine = (run) => run.owner === "" || run.owner === this.ownMark;
  owner = (run) => (run.owner === "" ? "" : this.isMine(run) ? this.labels.you : fill(this.labels.visitor, { mark: run.owner }));

  /** What stands in a cell of numbers. */
  number(run, column) {
    const value = run[column];
    if (value === null) return DASH;
    if (column === "best") return this.formats.score(value);
    if (column === "started") return this.moment(new Date(value * 1000));
    if (column === "seconds") return duration(value);
    if (column === "size") return bytes(value, this.formats);
    return this.formats.integer(value);
  }

  moment(date) {
    const isThisYear = date.getFullYear() === new Date().getFullYear();
    return (isThisYear ? this.thisYear : this.otherYear).format(date);
  }
}

/** Bytes with two or three digits, in units of 1,024, as the pages write them. */
function bytes(count, formats) {
  let [value, unit] = [count / 1024, 0];
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value < 10 ? formats.score(value) : formats.integer(value)} ${SIZE_UNITS[unit]}`;
}

/** A line that is made once and then only written where something changed. */
export class RunRow {
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
    this.badge = make("span", { class: "dqn-badge" });
    this.cells = new Map(COLUMNS.map(([column]) => [column, this.cell(column)]));
    this.cells.get("name").append(this.link, this.tags);
    this.cells.get("state").append(this.badge);
    const pick = make("td", { class: "dqn-pick" }, make("label", {}, this.box));
    this.element = make("tr", { "data-run": run.id }, pick, ...this.cells.values());
    this.show(run);
  }

  cell(column) {
    return make("td", {
      class: `dqn-col-${column}${NUMBERS.includes(column) ? " dqn-number" : ""}`,
      "data-label": this.texts.labels[`column_${column}`],
    });
  }

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
    setText(this.cells.get("env"), run.env);
    setText(this.cells.get("preset"), texts.preset(run));
    setText(this.cells.get("owner"), texts.owner(run));
    for (const column of NUMBERS) setText(this.cells.get(column), texts.number(run, column));
  }

  pick(isPicked) {
    this.box.checked = isPicked;
    this.element.classList.toggle("dqn-picked", isPicked);
  }
}
