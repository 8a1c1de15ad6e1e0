// All runs as a table: filtered, sorted and selected here, kept up to date over the live socket.

import { fill, make, makeFormats, setAttribute, setText } from "../browser/format.js";
import { follow } from "../browser/live_socket.js";
import { ACTIVE, COLUMNS, RunListModel } from "./run_model.js";
import { CellTexts, NUMBERS, RunRow } from "./run_row.js";

const TELL_AFTER_MS = 200; // Clicks in quick succession are told together: each telling runs a part of the page's script.
const PORTION = 200; // Lines drawn at first, and with each "show more": a browser lays out thousands of them slowly.

/** @typedef {"env" | "state" | "tag"} Choice What is chosen from a menu of the filter. */
/** @typedef {import("./run_model.js").RunFilter} RunFilter */
/**
 * @typedef {object} TableData What Python hands over.
 * @property {string[]} columns
 * @property {string | null} address Of a run's page, with RUN in the place of its id; null where names lead nowhere.
 * @property {string} own_mark How the server marks the reader's own runs.
 * @property {string[]} selected
 * @property {number | null} most Runs that can be selected at a time.
 * @property {number} stamp
 * @property {string} locale
 * @property {import("../browser/format.js").Labels} labels
 */

export default class RunTable {
  /**
   * @param {HTMLElement} parent
   * @param {TableData} data
   */
  constructor(parent, data) {
    const { labels } = data;
    this.data = data;
    this.labels = labels;
    this.texts = new CellTexts(labels, makeFormats(data.locale), data.locale, data.own_mark);
    this.model = new RunListModel(this.texts, data.most ?? Infinity);
    this.model.select(data.selected, true);
    /** @type {Map<string, RunRow>} By id, those that were drawn. */
    this.rows = new Map();
    this.portion = PORTION;
    this.isDrawn = false;
    this.isUntold = false; // Whether the page's script does not know of the latest clicks yet.
    this.lastSelected = "";
    /** @type {number | undefined} */
    this.stamp = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.telling = undefined;
    /** @type {import("../browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    this.unfollow = () => {};

    this.search = make("input", { type: "search", placeholder: labels.filter, "aria-label": labels.filter });
    this.search.addEventListener("input", () => this.narrow({ text: this.search.value }));
    this.selects = { env: this.select("env"), state: this.select("state"), tag: this.select("tag") };
    this.sort = this.sortMenu();
    this.mine = this.flag("mine", labels.mine);
    this.onlySelected = this.flag("selected", labels.only_selected);
    this.count = make("p", { class: "dqn-count", role: "status" });
    this.none = make("button", { type: "button", class: "dqn-switch" }, labels.select_none);
    this.none.addEventListener("click", () => this.mark([...this.model.selected], false));
    this.all = make("input", { type: "checkbox", "aria-label": labels.select_all });
    this.all.addEventListener("change", () => this.mark(this.model.order, this.all.checked));
    this.body = make("tbody");
    this.body.addEventListener("keydown", (event) => this.step(event));
    this.empty = make("p", { class: "dqn-empty" });
    this.more = make("button", { type: "button", class: "dqn-switch dqn-more" });
    this.more.hidden = true;
    this.more.addEventListener("click", () => this.showMore());
    this.trouble = make("p", { class: "dqn-connection", role: "status" });
    this.trouble.hidden = true;
    this.heads = new Map(COLUMNS.filter(([name]) => data.columns.includes(name)).map(([name]) => [name, this.head(name)]));
    const heads = make("tr", {}, make("th", { class: "dqn-select" }, make("label", { "data-label": labels.select_all }, this.all)), ...this.heads.values());
    this.box = make(
      "div",
      { class: "dqn-scroll", tabindex: "0", role: "region", "aria-label": labels.title },
      make("table", {}, make("thead", {}, heads), this.body),
      this.empty,
      this.more,
    );
    this.tools = make(
      "div",
      { class: "dqn-runs-tools" },
      this.search,
      ...Object.values(this.selects),
      this.sort.element,
      this.mine.element,
      this.onlySelected.element,
    );
    this.root = make(
      "div",
      { class: "dqn-live dqn-runs", lang: data.locale, "data-testid": "run-table" },
      this.tools,
      make("div", { class: "dqn-runs-count" }, this.count, this.none),
      this.trouble,
      this.box,
    );
    parent.append(this.root);
  }

  /** @param {TableData} data */
  static identityOf({ locale, columns, most, own_mark, address }) {
    return JSON.stringify([locale, columns, most, own_mark, address]);
  }

  // ------------------------------------------------------------------------------------------------- elements

  /** @param {Choice} name */
  select(name) {
    const select = make("select", { "aria-label": this.labels[`column_${name}`] });
    select.addEventListener("change", () => this.narrow({ [name]: select.value }));
    return select;
  }

  /** What the heads of columns do, where there is no room for them. */
  sortMenu() {
    const { labels, data } = this;
    const options = data.columns.map((value) => make("option", { value }, labels[`column_${value}`]));
    const select = make("select", { "aria-label": labels.sort }, ...options);
    const turn = make("button", { type: "button", title: labels.turn, "aria-label": labels.turn });
    select.addEventListener("change", () => this.sortBy(select.value));
    turn.addEventListener("click", () => this.sortBy(this.model.sorting.column));
    return { select, turn, element: make("div", { class: "dqn-sort", role: "group", "aria-label": labels.sort }, select, turn) };
  }

  /**
   * @param {"mine" | "selected"} name
   * @param {string} label
   */
  flag(name, label) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.narrow({ [name]: box.checked }));
    const element = make("label", { class: "dqn-flag" }, box, label);
    element.hidden = true;
    return { box, element };
  }

  /** @param {string} column */
  head(column) {
    const button = make("button", { type: "button" }, this.labels[`column_${column}`]);
    button.addEventListener("click", () => this.sortBy(column));
    const kind = NUMBERS.includes(column) ? " dqn-number" : "";
    return make("th", { class: `dqn-col-${column}${kind}`, scope: "col" }, button);
  }

  /** @param {string} column */
  sortBy(column) {
    this.model.sortBy(column);
    this.drawAll();
  }

  // ------------------------------------------------------------------------------------- from page and server

  /**
   * Called at each run of the page's script; a new stamp tells that something was done to the runs.
   * @param {TableData} data
   * @param {import("../browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    const { model } = this;
    this.setTriggerValue = setTriggerValue;
    const told = data.selected.filter((id) => model.runs.has(id));
    const known = model.selectedRuns;
    if (told.length === known.length && told.every((id) => model.selected.has(id))) this.isUntold = false;
    if (!this.isUntold) {
      model.selected = new Set(data.selected);
      this.drawSelection();
    }
    if (this.stamp !== data.stamp) {
      this.stamp = data.stamp;
      this.follow();
    }
  }

  /** Has the server tell what is new from here on, what was done in this very moment included. */
  follow() {
    this.unfollow();
    this.unfollow = follow({
      topic: "runs",
      parameters: { fresh: true },
      cursor: { version: this.model.version },
      language: this.data.locale,
      onData: (update) => {
        this.showTrouble("");
        this.take(update);
      },
      onProblem: (text) => this.showTrouble(text),
      onConnection: (isConnected) => this.showTrouble(isConnected ? "" : this.labels.connection_lost),
    });
  }

  /**
   * Why nothing new comes; empty where it does.
   * @param {string} text
   */
  showTrouble(text) {
    setText(this.trouble, text);
    this.trouble.hidden = text === "";
  }

  /** @param {import("./run_model.js").ListUpdate} update */
  take(update) {
    const { changed, gone, isReordered } = this.model.accept(update);
    for (const id of changed) {
      const run = this.model.runs.get(id);
      if (run) this.rows.get(id)?.show(run);
    }
    for (const id of gone) this.rows.delete(id);
    if (gone.some((id) => this.model.selected.has(id))) this.tell(); // What the page offers to do with it is no more.
    if (isReordered || !this.isDrawn) this.drawAll();
    this.isDrawn = true;
  }

  // -------------------------------------------------------------------------------------------------- drawing

  drawAll() {
    const { model, labels } = this;
    this.drawChoices();
    for (const [column, head] of this.heads) {
      const isSorted = column === model.sorting.column;
      const direction = model.sorting.direction === "asc" ? "ascending" : "descending";
      setAttribute(head, "aria-sort", isSorted ? direction : "none");
    }
    this.sort.select.value = model.sorting.column;
    setText(this.sort.turn, model.sorting.direction === "asc" ? "↑" : "↓");
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const rows = model.order.slice(0, this.portion).flatMap((id) => this.row(id)?.element ?? []);
    this.body.replaceChildren(...rows);
    if (active && this.body.contains(active)) active.focus({ preventScroll: true }); // Lost with the line for a while.
    const left = model.order.length - this.portion;
    this.more.hidden = left <= 0;
    setText(this.more, fill(labels.show_more, { n: Math.min(left, PORTION) }));
    this.empty.hidden = model.order.length > 0;
    setText(this.empty, model.runs.size === 0 ? labels.no_runs : labels.no_match);
    this.drawSelection();
  }

  /** @param {string} id */
  row(id) {
    const known = this.rows.get(id);
    const run = this.model.runs.get(id);
    if (known || !run) return known;
    const row = new RunRow({
      run,
      texts: this.texts,
      columns: this.data.columns,
      address: this.data.address?.replace("RUN", encodeURIComponent(id)) ?? null,
      onSelect: (isSelected, isRange) => this.onSelect(id, isSelected, isRange),
      onOpen: () => this.setTriggerValue("open", id),
    });
    this.rows.set(id, row);
    return row;
  }

  drawChoices() {
    const { model, labels } = this;
    const choices = model.choices();
    const states = choices.state.map((state) => [state, labels[`state_${state}`] ?? state]);
    if (choices.state.some((state) => ACTIVE.includes(state))) states.unshift(["active", labels.active]);
    this.fillSelect("env", choices.env.map((env) => [env, env]));
    this.fillSelect("state", states);
    this.fillSelect("tag", choices.tag.map((tag) => [tag, tag]));
    this.mine.element.hidden = ![...model.runs.values()].some((run) => !this.texts.isMine(run));
  }

  /**
   * @param {Choice} name
   * @param {string[][]} options Values and texts.
   */
  fillSelect(name, options) {
    const select = this.selects[name];
    const wanted = this.model.filter[name];
    const elements = [["", this.labels[`any_${name}`]], ...options].map(([value, text]) => make("option", { value }, text));
    select.replaceChildren(...elements);
    select.value = options.some(([value]) => value === wanted) ? wanted : "";
    select.hidden = options.length === 0;
    if (select.value !== wanted) this.narrow({ [name]: "" });
  }

  drawSelection() {
    const { model, labels, data } = this;
    for (const [id, row] of this.rows) row.showSelected(model.selected.has(id), model.isFull);
    const shown = model.order.filter((id) => model.selected.has(id)).length;
    this.all.checked = shown > 0 && shown === model.order.length;
    this.all.indeterminate = shown > 0 && !this.all.checked;
    this.all.disabled = model.order.length === 0 || (model.isFull && shown === 0);
    const n = model.selectedRuns.length;
    this.none.hidden = n === 0;
    this.onlySelected.element.hidden = n === 0 && !model.filter.selected;
    const counts = { shown: model.order.length, count: model.runs.size, n, most: data.most };
    const text = fill(counts.shown === counts.count ? labels.count : labels.count_of, counts);
    const selected = fill(data.most === null ? labels.selected : labels.selected_of, counts);
    setText(this.count, n > 0 ? `${text} · ${selected}` : text);
  }

  /** @param {Partial<RunFilter>} wanted */
  narrow(wanted) {
    Object.assign(this.model.filter, wanted);
    this.portion = PORTION;
    this.model.arrange();
    this.drawAll();
  }

  showMore() {
    this.portion += PORTION;
    this.drawAll();
  }

  // ------------------------------------------------------------------------------------------------- selection

  /**
   * @param {string} id
   * @param {boolean} isSelected
   * @param {boolean} isRange Whether the lines from the last one to this one are meant.
   */
  onSelect(id, isSelected, isRange) {
    const ids = isRange ? this.model.between(this.lastSelected, id) : [id];
    this.lastSelected = id;
    this.mark(ids, isSelected);
  }

  /**
   * @param {string[]} ids
   * @param {boolean} isSelected
   */
  mark(ids, isSelected) {
    this.model.select(ids, isSelected);
    this.drawSelection();
    this.tell();
  }

  tell() {
    this.isUntold = true;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.setTriggerValue("selected", [...this.model.selected]), TELL_AFTER_MS);
  }

  /**
   * Up and down go from box to box; with Shift, the next one becomes what this one is.
   * @param {KeyboardEvent} event
   */
  step(event) {
    const { key, target, shiftKey } = event;
    if (!(target instanceof HTMLInputElement) || (key !== "ArrowUp" && key !== "ArrowDown")) return;
    event.preventDefault();
    const boxes = [...this.body.querySelectorAll("input")].filter((box) => !box.disabled);
    const next = boxes[boxes.indexOf(target) + (key === "ArrowUp" ? -1 : 1)];
    if (!next) return;
    const id = next.closest("tr")?.dataset.run ?? "";
    if (shiftKey) this.onSelect(id, target.checked, false);
    next.focus();
  }

  dispose() {
    this.unfollow();
    clearTimeout(this.telling);
    this.root.remove();
  }
}
