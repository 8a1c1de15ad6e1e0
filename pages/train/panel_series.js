// The episodes' columns as plain arrays, moving means over them, and what of them a chart of some width can show.

const EXACT_EVERY = 512; // A running sum is taken anew this often, so that rounding errors do not add up.

/** @typedef {(number | null)[]} Column Values by row; null where there is none. */
/** @typedef {{values: Column, sum: number, count: number}} Mean */
/** @typedef {{x: number[], y: number[]}} Points */
/** @typedef {(x: Column, y: Column, first: number, end: number, limit: number) => Points} Thin */

export class EpisodeSeries {
  constructor() {
    /** @type {Map<string, Column>} */
    this.columns = new Map();
    /** @type {Map<string, Mean>} */
    this.means = new Map();
    /** @type {Set<string>} Columns in which at least one row has a value. */
    this.filled = new Set();
    this.length = 0;
  }

  /**
   * Appends a batch that starts at row `from`; rows known already are skipped.
   * Returns false where rows are missing before it: the server must be asked again from `this.length` on.
   * @param {number} from
   * @param {Record<string, Column>} columns
   */
  append(from, columns) {
    if (from > this.length) return false;
    const skip = this.length - from;
    const count = (columns.episode?.length ?? 0) - skip;
    if (count <= 0) return true;
    for (const [name, values] of Object.entries(columns)) {
      const column = this.column(name);
      for (let i = skip; i < values.length; i += 1) column.push(values[i]);
      if (!this.filled.has(name) && values.some((value) => value !== null)) this.filled.add(name);
    }
    this.length += count;
    return true;
  }

  /**
   * @param {string} name
   * @returns {Column}
   */
  column(name) {
    const known = this.columns.get(name);
    if (known) return known;
    const column = new Array(this.length).fill(null);
    this.columns.set(name, column);
    return column;
  }

  /** @param {string} name */
  last(name) {
    return this.columns.get(name)?.[this.length - 1] ?? null;
  }

  /**
   * Mean of the newest `window` values up to each row; rows without a number are left out of it.
   * @param {string} name
   * @param {number} window
   */
  mean(name, window) {
    const key = `${name}/${window}`;
    /** @type {Mean} */
    const mean = this.means.get(key) ?? { values: [], sum: 0, count: 0 };
    this.means.set(key, mean);
    const column = this.column(name);
    for (let i = mean.values.length; i < this.length; i += 1) {
      if (i % EXACT_EVERY === 0) Object.assign(mean, sumOf(column, Math.max(0, i - window), i));
      accumulate(mean, column[i], 1);
      if (i >= window) accumulate(mean, column[i - window], -1);
      mean.values.push(mean.count > 0 ? mean.sum / mean.count : null);
    }
    return mean.values;
  }

  /**
   * Points of the trace that `meta` describes within [low, high] of x, thinned by `thin` to about `limit` of them.
   * @param {{x: string, y: string, window?: number}} meta
   * @param {[number, number]} range
   * @param {number} limit
   * @param {Thin} thin
   */
  points(meta, [low, high], limit, thin) {
    const x = this.column(meta.x);
    const y = meta.window ? this.mean(meta.y, meta.window) : this.column(meta.y);
    // One row more on either side lets a line run out of the view instead of ending in it.
    const first = Math.max(0, lowerBound(x, this.length, low) - 1);
    const end = Math.min(this.length, lowerBound(x, this.length, high) + 2);
    return thin(x, y, first, end, limit);
  }
}

/**
 * @param {Column} column
 * @param {number} first
 * @param {number} end
 */
function sumOf(column, first, end) {
  const total = { sum: 0, count: 0 };
  for (let i = first; i < end; i += 1) accumulate(total, column[i], 1);
  return total;
}

/**
 * @param {{sum: number, count: number}} total
 * @param {number | null | undefined} value
 * @param {1 | -1} sign
 */
function accumulate(total, value, sign) {
  if (value === null || value === undefined) return;
  total.sum += sign * value;
  total.count += sign;
}

/**
 * First index in the ascending `values[0..length)` whose value is at least `wanted`.
 * @param {Column} values
 * @param {number} length
 * @param {number} wanted
 */
function lowerBound(values, length, wanted) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {number} */ (values[middle]) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Lowest and highest point of each bucket, so that no spike is lost.
 * Buckets are powers of two wide and begin at multiples of their width: a row added at the end leaves the earlier
 * buckets, and with them the line on the screen, as they were.
 * @type {Thin}
 */
export function decimate(x, y, first, end, limit) {
  /** @type {Points} */
  const points = { x: [], y: [] };
  const keep = (/** @type {number} */ i) => {
    points.x.push(/** @type {number} */ (x[i]));
    points.y.push(/** @type {number} */ (y[i]));
  };
  if (end - first <= limit) {
    for (let i = first; i < end; i += 1) if (y[i] !== null && y[i] !== undefined) keep(i);
    return points;
  }
  const size = 2 ** Math.ceil(Math.log2((2 * (end - first)) / limit));
  for (let start = Math.floor(first / size) * size; start < end; start += size) {
    let lowest = -1;
    let highest = -1;
    for (let i = Math.max(first, start); i < Math.min(end, start + size); i += 1) {
      const value = y[i];
      if (value === null || value === undefined) continue;
      if (lowest < 0 || value < /** @type {number} */ (y[lowest])) lowest = i;
      if (highest < 0 || value > /** @type {number} */ (y[highest])) highest = i;
    }
    if (lowest < 0) continue;
    keep(Math.min(lowest, highest));
    if (lowest !== highest) keep(Math.max(lowest, highest));
  }
  return points;
}

/**
 * Each second, fourth, eighth... point there is: markers at the extremes alone would look like two rails. The highest is
 * always among them: the page names it as the best.
 * @type {Thin}
 */
export function sample(x, y, first, end, limit) {
  /** @type {{x: number, y: number}[]} */
  const known = [];
  for (let i = first; i < end; i += 1) {
    const value = y[i];
    if (value !== null && value !== undefined) known.push({ x: /** @type {number} */ (x[i]), y: value });
  }
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(known.length / limit)));
  const highest = known.reduce((best, each) => (each.y > best.y ? each : best), known[0]);
  const kept = known.filter((each, ordinal) => ordinal % step === 0 || each === highest);
  return { x: kept.map((each) => each.x), y: kept.map((each) => each.y) };
}

const FEWEST = 20; // Of fewer values, none is an exception.
const TAIL = 0.05;

/**
 * Where an axis begins that a few values far below the rest do not flatten; null where there are none. Far is further
 * below the lowest twentieth than this is below the highest.
 * @param {(number | null | undefined)[]} values
 */
export function robustLow(values) {
  const sorted = Float64Array.from(values.filter(isNumber)).sort();
  if (sorted.length < FEWEST) return null;
  const at = (/** @type {number} */ share) => sorted[Math.round(share * (sorted.length - 1))];
  const low = at(TAIL) - (at(1 - TAIL) - at(TAIL));
  return sorted[0] < low ? low : null;
}

/**
 * @param {number | null | undefined} value
 * @returns {value is number}
 */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
