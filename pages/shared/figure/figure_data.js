// A figure's numbers: arrays as plotly's Python side packs them, the frame that is shown, and all of it as a table.

/** @typedef {ArrayLike<any>} Values */
/**
 * @typedef {Record<string, any>} Trace A trace of plotly's; `meta.columns` names the columns of its table.
 */
/** @typedef {{data: Trace[], layout: Record<string, any>}} Figure */
/** @typedef {{name: string, data: Trace[]}} Frame What differs in each trace. */

const PACKED_TYPES = {
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  f4: Float32Array,
  f8: Float64Array,
};
const FLOAT32_DIGITS = 9; // as many as tell every float32 from its neighbours
const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet takes for one

/**
 * A copy of `value` with every packed array in it unpacked; one of two dimensions becomes an array of rows.
 * @param {any} value
 * @returns {any}
 */
export function unpacked(value) {
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.bdata === "string") return unpackedArray(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpacked(each)]));
}

/** @param {{dtype: keyof typeof PACKED_TYPES, bdata: string, shape?: string}} packed */
function unpackedArray({ dtype, bdata, shape }) {
  const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
  const flat = new PACKED_TYPES[dtype](bytes.buffer);
  if (shape === undefined) return flat;
  const [rows, columns] = String(shape).split(",").map(Number);
  if (columns === undefined) return flat;
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
}

/**
 * The traces as frame `index` shows them.
 * @param {{data: Trace[]}} figure
 * @param {{data: Trace[]}[]} frames
 * @param {number} index
 * @returns {Trace[]}
 */
export function tracesAt(figure, frames, index) {
  const changes = frames[index]?.data ?? [];
  return figure.data.map((trace, i) => ({ ...trace, ...changes[i] }));
}

/**
 * Table of what `traces` show, a row a point: their `meta.columns` name the columns of x, y, z, text or customdata.
 * With several traces, the first column tells them apart.
 * @param {Trace[]} traces
 * @param {import("../browser/format.js").Labels} labels
 * @returns {unknown[][]}
 */
export function tableOf(traces, labels) {
  const shown = traces.filter((trace) => trace.meta?.columns && trace.visible !== false);
  const names = [...new Set(shown.flatMap((trace) => Object.values(trace.meta.columns).flat()))];
  const hasSeries = shown.length > 1;
  const rows = shown.flatMap((trace) =>
    pointsOf(trace).map((point) => [...(hasSeries ? [trace.name ?? ""] : []), ...names.map((name) => point[name])]),
  );
  return [[...(hasSeries ? [labels.series] : []), ...names], ...rows];
}

/**
 * @param {Trace} trace
 * @returns {Record<string, unknown>[]}
 */
function pointsOf(trace) {
  const { columns } = trace.meta;
  if (trace.z) {
    return Array.from(trace.z).flatMap((row, i) =>
      Array.from(row, (z, j) => ({ [columns.x]: trace.x[j], [columns.y]: trace.y[i], [columns.z]: exact(row, z) })),
    );
  }
  const { length } = trace.x ?? trace.y ?? trace.customdata;
  return Array.from({ length }, (_, i) => {
    /** @type {Record<string, unknown>} */
    const point = {};
    for (const [place, name] of Object.entries(columns)) {
      if (place === "customdata") {
        name.forEach((/** @type {string} */ each, /** @type {number} */ k) => {
          point[each] = exact(trace.customdata[i], trace.customdata[i][k]);
        });
      } else point[name] = exact(trace[place], trace[place][i]);
    }
    return point;
  });
}

/**
 * A float32 in as few digits as say which it is, instead of those of the double that holds it here.
 * @param {Values} array
 * @param {any} value
 */
function exact(array, value) {
  return array instanceof Float32Array ? Number(value.toPrecision(FLOAT32_DIGITS)) : value;
}

/**
 * `value`, or the decimal of at most ten digits that it is in its first fifteen: 0.05, not 0.050000000000000044.
 * @param {number} value
 */
function plainNumber(value) {
  const short = Number(value.toPrecision(10));
  return short === Number(value.toPrecision(15)) ? short : value;
}

/**
 * `rows` as CSV (RFC 4180); what is no number is an empty cell, and what would be a formula a text.
 * @param {unknown[][]} rows
 */
export function csvText(rows) {
  const cell = (/** @type {unknown} */ value) => {
    if (typeof value === "number") return Number.isFinite(value) ? String(plainNumber(value)) : "";
    const given = value === null || value === undefined ? "" : String(value);
    const text = FORMULA.test(given) && Number.isNaN(Number(given)) ? `'${given}` : given;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
