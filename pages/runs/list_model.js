// The list of runs as data: what the server told of it, and which of its lines are shown, in which order.

export const COLUMNS = [
  // name, and the direction in which it is sorted first
  ["name", "asc"],
  ["env", "asc"],
  ["preset", "asc"],
  ["seed", "asc"],
  ["state", "asc"],
  ["episodes", "desc"],
  ["best", "desc"],
  ["rate", "desc"],
  ["started", "desc"],
  ["seconds", "desc"],
  ["size", "desc"],
  ["owner", "asc"],
];
export const ACTIVE = ["queued", "starting", "running", "paused"];

export class RunListModel {
  constructor(words) {
    this.words = words; // What a line's preset, state and owner are called.
    this.runs = new Map();
    this.version = 0;
    this.filter = { text: "", env: "", state: "", tag: "", mine: false };
    this.sorting = { column: "started", direction: "desc" };
    this.order = []; // Ids in the order shown, filtered; it changes when runs come or go, not while numbers do.
  }

  /** Takes in what the server told; the runs whose lines are new, and whether the order was made anew. */
  accept(update) {
    const before = this.runs.size;
    if (update.whole) this.runs.clear();
    const hasNew = update.whole || update.runs.some((run) => !this.runs.has(run.id));
    for (const run of update.runs) this.runs.set(run.id, { ...run, text: this.textOf(run) });
    for (const id of update.removed) this.runs.delete(id);
    this.version = update.version;
    const isReordered = hasNew || update.removed.length > 0 || before !== this.runs.size;
    if (isReordered) this.arrange();
    return { changed: update.runs.map((run) => run.id), isReordered };
  }

  textOf(run) {
    const { words } = this;
    const parts = [run.name, run.env, words.preset(run), run.seed, words.state(run), run.id, run.experiment ?? ""];
    return [...parts, ...run.tags].join(" ").toLowerCase();
  }

  /** Finds out which runs are shown, in which order. */
  arrange() {
    const wanted = this.filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = [...this.runs.values()].filter((run) => this.isWanted(run, wanted));
    const { column, direction } = this.sorting;
    const value = (run) => this.words[column]?.(run) ?? run[column];
    const sign = direction === "asc" ? 1 : -1;
    shown.sort((one, other) => compare(value(one), value(other), sign) || other.started - one.started);
    this.order = shown.map((run) => run.id);
  }

  isWanted(run, texts) {
    const { env, state, tag, mine } = this.filter;
    return (
      (!env || run.env === env) &&
      (!state || (state === "active" ? ACTIVE.includes(run.state) : run.state === state)) &&
      (!tag || run.tags.includes(tag)) &&
      (!mine || this.words.isMine(run)) &&
      texts.every((text) => run.text.includes(text))
    );
  }

  sortBy(column) {
    const first = COLUMNS.find(([name]) => name === column)[1];
    const isSame = this.sorting.column === column;
    const turned = this.sorting.direction === "asc" ? "desc" : "asc";
    this.sorting = { column, direction: isSame ? turned : first };
    this.arrange();
  }

  /** What there is to choose from: every environment, state and tag of a run. */
  choices() {
    const all = [...this.runs.values()];
    const sorted = (values) => [...new Set(values)].sort((one, other) => one.localeCompare(other));
    return {
      env: sorted(all.map((run) => run.env)),
      state: sorted(all.map((run) => run.state)),
      tag: sorted(all.flatMap((run) => run.tags)),
    };
  }
}

/** Order of two values; where there is none, it comes last in either direction. */
function compare(one, other, sign) {
  const isMissing = (value) => value === null || value === undefined || value === "";
  if (isMissing(one) || isMissing(other)) return isMissing(one) - isMissing(other);
  if (typeof one === "number") return sign * (one - other);
  return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
}
