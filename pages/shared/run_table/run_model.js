// The list of runs as data: what the server told of it, which of its lines are shown, in which order, and which of them
// are selected.

/** @type {[string, Direction][]} */
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

/** @typedef {"asc" | "desc"} Direction */
/**
 * @typedef {object} Run A line of the list, as the server tells it.
 * @property {string} id
 * @property {string} name
 * @property {string} env
 * @property {string} preset
 * @property {number} seed
 * @property {string} state
 * @property {string | null} reason
 * @property {number} started Seconds since 1970.
 * @property {string[]} tags
 * @property {string} owner Mark of whoever started it; empty for the reader without one.
 * @property {string} nickname What its owner is called by name; empty for one who has none.
 * @property {string | null} experiment
 * @property {string} text All words of it, for the filter.
 */
/** @typedef {{whole: boolean, version: number, runs: Run[], removed: string[]}} ListUpdate */
/**
 * @typedef {object} RunFilter
 * @property {string} text Each of its words must be found.
 * @property {string} env Empty for any; so are state and tag.
 * @property {string} state
 * @property {string} tag
 * @property {boolean} mine
 * @property {boolean} selected
 */
/**
 * @typedef {object} RunWords What a line's preset, state and owner are called.
 * @property {(run: Run) => string} preset
 * @property {(run: Run) => string} state
 * @property {(run: Run) => string} owner
 * @property {(run: Run) => boolean} isMine
 */

export class RunListModel {
  /**
   * @param {RunWords} words
   * @param {number} most Runs that can be selected at a time.
   */
  constructor(words, most = Infinity) {
    this.words = words;
    this.most = most;
    /** @type {Map<string, Run>} */
    this.runs = new Map();
    this.version = 0;
    /** @type {Set<string>} Ids; there may be no such run (any more). */
    this.selected = new Set();
    /** @type {RunFilter} */
    this.filter = { text: "", env: "", state: "", tag: "", mine: false, selected: false };
    /** @type {{column: string, direction: Direction}} */
    this.sorting = { column: "started", direction: "desc" };
    /** @type {string[]} */
    this.order = []; // Ids in the order shown, filtered; it changes when runs come or go, not while numbers do.
  }

  /**
   * Takes in what the server told; the runs whose lines are new, those that are gone, and whether the order was made
   * anew.
   * @param {ListUpdate} update
   */
  accept(update) {
    const before = new Set(this.runs.keys());
    if (update.whole) this.runs.clear();
    for (const run of update.runs) this.runs.set(run.id, { ...run, text: this.textOf(run) });
    for (const id of update.removed) this.runs.delete(id);
    this.version = update.version;
    const gone = [...before].filter((id) => !this.runs.has(id));
    const isReordered = update.whole || gone.length > 0 || update.runs.some((run) => !before.has(run.id));
    if (isReordered) this.arrange();
    return { changed: update.runs.map((run) => run.id), gone, isReordered };
  }

  /** @param {Run} run */
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
    const value = (/** @type {Run} */ run) => this.valueOf(run, column);
    const sign = direction === "asc" ? 1 : -1;
    shown.sort((one, other) => compare(value(one), value(other), sign) || other.started - one.started);
    this.order = shown.map((run) => run.id);
  }

  /**
   * What stands in a column.
   * @param {Run} run
   * @param {string} column
   */
  valueOf(run, column) {
    if (column === "preset" || column === "state" || column === "owner") return this.words[column](run);
    return /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (run))[column];
  }

  /**
   * @param {Run} run
   * @param {string[]} texts
   */
  isWanted(run, texts) {
    const { env, state, tag, mine, selected } = this.filter;
    return (
      (!env || run.env === env) &&
      (!state || (state === "active" ? ACTIVE.includes(run.state) : run.state === state)) &&
      (!tag || run.tags.includes(tag)) &&
      (!mine || this.words.isMine(run)) &&
      (!selected || this.selected.has(run.id)) &&
      texts.every((text) => run.text.includes(text))
    );
  }

  /** @param {string} column */
  sortBy(column) {
    const first = COLUMNS.find(([name]) => name === column)?.[1] ?? "asc";
    const isSame = this.sorting.column === column;
    const turned = this.sorting.direction === "asc" ? "desc" : "asc";
    this.sorting = { column, direction: isSame ? turned : first };
    this.arrange();
  }

  /** What there is to choose from: every environment, state and tag of a run. */
  choices() {
    const all = [...this.runs.values()];
    const sorted = (/** @type {string[]} */ values) => [...new Set(values)].sort((one, other) => one.localeCompare(other));
    return {
      env: sorted(all.map((run) => run.env)),
      state: sorted(all.map((run) => run.state)),
      tag: sorted(all.flatMap((run) => run.tags)),
    };
  }

  // ------------------------------------------------------------------------------------------------- selection

  /**
   * Selects runs, as many as can be, or unselects them.
   * @param {string[]} ids
   * @param {boolean} isSelected
   */
  select(ids, isSelected) {
    for (const id of ids) {
      if (!isSelected) this.selected.delete(id);
      else if (!this.isFull) this.selected.add(id);
    }
  }

  /** Whether no more can be selected. */
  get isFull() {
    return this.selected.size >= this.most;
  }

  /** Those of the selected that there are. */
  get selectedRuns() {
    return [...this.selected].filter((id) => this.runs.has(id));
  }

  /**
   * Ids from one line shown to another; the second alone where the first is not shown.
   * @param {string} from
   * @param {string} to
   */
  between(from, to) {
    const [start, end] = [this.order.indexOf(from), this.order.indexOf(to)];
    return start < 0 || end < 0 ? [to] : this.order.slice(Math.min(start, end), Math.max(start, end) + 1);
  }
}

/**
 * Order of two values; where there is none, it comes last in either direction.
 * @param {unknown} one
 * @param {unknown} other
 * @param {1 | -1} sign
 */
function compare(one, other, sign) {
  const isMissing = (/** @type {unknown} */ value) => value === null || value === undefined || value === "";
  if (isMissing(one) || isMissing(other)) return Number(isMissing(one)) - Number(isMissing(other));
  if (typeof one === "number" && typeof other === "number") return sign * (one - other);
  return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
}
