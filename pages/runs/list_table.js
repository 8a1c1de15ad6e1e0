// All runs as a table: filtered, sorted and picked here, kept up to date over the live socket.

import { fill, make, makeFormats, setAttribute, setText } from "../shared/format.js";
import { follow } from "../shared/live_socket.js";
import { ACTIVE, COLUMNS, RunListModel } from "./list_model.js";
import { CellTexts, NUMBERS, RunRow } from "./list_rows.js";

const TELL_AFTER_MS = 200; // Clicks in quick succession are told together: each telling runs a part of the page's script.
const PORTION = 200; // Lines drawn at first, and with each "show more": a browser lays out thousands of them slowly.

export default class RunsTable {
  constructor(parent, data) {
    this.data = data;
    this.labels = data.labels;
    this.texts = new CellTexts(data.labels, makeFormats(data.locale), data.locale, data.own_mark);
    this.model = new RunListModel(this.texts);
    this.rows = new Map();
    this.picked = new Set(data.picked);
    this.portion = PORTION;
    this.build(parent);
  }

  // ------------------------------------------------------------------------------------------------- elements

  static identityOf({ locale }) {
    return locale;
  }

  build(parent) {
    const { labels } = this;
    this.search = make("input", { type: "search", placeholder: labels.filter, "aria-label": labels.filter });
    this.search.addEventListener("input", () => this.narrow("text", this.search.value));
    this.selects = new Map(["env", "state", "tag"].map((name) => [name, this.select(name)]));
    const mineBox = make("input", { type: "checkbox" });
    mineBox.addEventListener("change", () => this.narrow("mine", mineBox.checked));
    this.mine = make("label", { class: "dqn-mine" }, mineBox, labels.mine);
    this.count = make("p", { class: "dqn-count", role: "status" });
    this.all = make("input", { type: "checkbox", "aria-label": labels.pick_all });
    this.all.addEventListener("change", () => this.pickShown(this.all.checked));
    this.body = make("tbody");
    this.empty = make("p", { class: "dqn-empty" });
    this.more = make("button", { type: "button", class: "dqn-switch" });
    this.more.addEventListener("click", () => this.showMore());
    this.trouble = make("p", { class: "dqn-connection", role: "status" });
    this.trouble.hidden = true;
    this.heads = new Map(COLUMNS.map(([column]) => [column, this.head(column)]));
    const heads = make("tr", {}, make("th", { class: "dqn-pick" }, make("label", {}, this.all)), ...this.heads.values());
    this.box = make(
      "div",
      { class: "dqn-scroll", tabindex: "0", role: "region", "aria-label": labels.title },
      make("table", {}, make("thead", {}, heads), this.body),
      this.empty,
      this.more,
    );
    this.root = make(
      "section",
      { class: "dqn-live dqn-runs", lang: this.data.locale, "aria-label": labels.title, "data-testid": "runs-table" },
      make("div", { class: "dqn-runs-tools" }, this.search, ...this.selects.values(), this.mine),
      this.count,
      this.trouble,
      this.box,
    );
    parent.append(this.root);
  }

  select(name) {
    const select = make("select", { "aria-label": this.labels[`column_${name}`] ?? this.labels[`any_${name}`] });
    select.addEventListener("change", () => this.narrow(name, select.value));
    return select;
  }

  head(column) {
    const button = make("button", { type: "button" }, this.labels[`column_${column}`]);
    button.addEventListener("click", () => {
      this.model.sortBy(column);
      this.drawAll();
    });
    const kind = NUMBERS.includes(column) ? " dqn-number" : "";
    return make("th", { class: `dqn-col-${column}${kind}`, scope: "col" }, button);
  }

  // ------------------------------------------------------------------------------------- from page and server

  /** Called at each run of the page's script; a new stamp tells that something was done to the runs. */
  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    const isTold = sameSet(this.picked, data.picked);
    if (isTold) this.isUntold = false;
    if (!this.isUntold && !isTold) {
      this.picked = new Set(data.picked);
      this.drawPicks();
    }
    if (this.stamp !== data.stamp) {
      this.stamp = data.stamp;
      this.follow();
    }
  }

  /** Has the server tell what is new from here on, what was done in this very moment included. */
  follow() {
    this.unfollow?.();
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

  /** Why nothing new comes; empty where it does. */
  showTrouble(text) {
    setText(this.trouble, text);
    this.trouble.hidden = text === "";
  }

  take(update) {
    const { changed, isReordered } = this.model.accept(update);
    if (update.whole) this.rows.clear();
    for (const id of changed) this.rows.get(id)?.show(this.model.runs.get(id));
    for (const id of update.removed) this.rows.delete(id);
    const gone = [...this.picked].filter((id) => !this.model.runs.has(id));
    if (gone.length > 0) this.pick(gone, false);
    if (isReordered || !this.isDrawn) this.drawAll();
    this.isDrawn = true;
  }

  // -------------------------------------------------------------------------------------------------- drawing

  drawAll() {
    const { model } = this;
    this.drawChoices();
    for (const [column, head] of this.heads) {
      const isSorted = column === model.sorting.column;
      const direction = model.sorting.direction === "asc" ? "ascending" : "descending";
      setAttribute(head, "aria-sort", isSorted ? direction : "none");
    }
    this.body.replaceChildren(...model.order.slice(0, this.portion).map((id) => this.row(id).element));
    const left = model.order.length - this.portion;
    this.more.hidden = left <= 0;
    setText(this.more, fill(this.labels.show_more, { n: Math.min(left, PORTION) }));
    this.empty.hidden = model.order.length > 0;
    setText(this.empty, this.labels.no_match);
    this.drawPicks();
  }

  row(id) {
    if (!this.rows.has(id)) {
      const address = this.data.address.replace("RUN", encodeURIComponent(id));
      const onPick = (picked, isRange) => this.onPick(picked, isRange);
      const row = new RunRow(this.model.runs.get(id), this.texts, address, onPick, (opened) =>
        this.setTriggerValue("open", opened),
      );
      this.rows.set(id, row);
    }
    return this.rows.get(id);
  }

  drawChoices() {
    const choices = this.model.choices();
    const states = choices.state.map((state) => [state, this.labels[`state_${state}`] ?? state]);
    if (choices.state.some((state) => ACTIVE.includes(state))) states.unshift(["active", this.labels.active]);
    this.fillSelect("env", choices.env.map((env) => [env, env]));
    this.fillSelect("state", states);
    this.fillSelect("tag", choices.tag.map((tag) => [tag, tag]));
    this.mine.hidden = ![...this.model.runs.values()].some((run) => !this.texts.isMine(run));
  }

  fillSelect(name, options) {
    const select = this.selects.get(name);
    const wanted = this.model.filter[name];
    const elements = [["", this.labels[`any_${name}`]], ...options].map(([value, text]) => make("option", { value }, text));
    select.replaceChildren(...elements);
    select.value = options.some(([value]) => value === wanted) ? wanted : "";
    select.hidden = options.length === 0;
    if (select.value !== wanted) this.narrow(name, "");
  }

  drawPicks() {
    for (const [id, row] of this.rows) row.pick(this.picked.has(id));
    const shown = this.model.order;
    const picked = shown.filter((id) => this.picked.has(id)).length;
    this.all.checked = shown.length > 0 && picked === shown.length;
    this.all.indeterminate = picked > 0 && picked < shown.length;
    this.all.disabled = shown.length === 0;
    const { labels, model } = this;
    const counts = { shown: shown.length, count: model.runs.size, picked: this.picked.size };
    const text = fill(shown.length === model.runs.size ? labels.count : labels.count_of, counts);
    setText(this.count, this.picked.size > 0 ? `${text} · ${fill(labels.picked, counts)}` : text);
  }

  narrow(name, value) {
    if (this.model.filter[name] === value) return;
    this.model.filter[name] = value;
    this.portion = PORTION;
    this.model.arrange();
    this.drawAll();
  }

  showMore() {
    this.portion += PORTION;
    this.drawAll();
  }

  // -------------------------------------------------------------------------------------------------- picking

  onPick(id, isRange) {
    const isPicked = this.rows.get(id).box.checked;
    const [from, to] = [this.model.order.indexOf(this.lastPicked), this.model.order.indexOf(id)];
    const ids = isRange && from >= 0 ? this.model.order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    this.lastPicked = id;
    this.pick(ids, isPicked);
  }

  pickShown(isPicked) {
    this.pick(this.model.order, isPicked);
  }

  pick(ids, isPicked) {
    for (const id of ids) isPicked ? this.picked.add(id) : this.picked.delete(id);
    this.isUntold = true;
    this.drawPicks();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.setTriggerValue("picked", [...this.picked]), TELL_AFTER_MS);
  }

  dispose() {
    this.unfollow?.();
    clearTimeout(this.telling);
    this.root.remove();
  }
}

function sameSet(one, other) {
  return one.size === other.length && other.every((each) => one.has(each));
}
