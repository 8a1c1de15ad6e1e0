// A number that can be dragged: its range, and how a place along that range becomes a value.

/**
 * @typedef {object} Handle
 * @property {number} start The value at first.
 * @property {number} low
 * @property {number} high
 * @property {number} [step] Distance of neighbours on a linear range; 1 unless told.
 * @property {"linear" | "log" | "nines"} [scale] "log": whole numbers, each as far from the next as it is large;
 *   "nines": from 0.5 up to almost 1, where what is missing to 1 counts.
 */

const LOG_STEPS = 60; // Key presses from one end of a range that is not linear to the other.

/**
 * Where `value` lies between the ends, 0 to 1.
 * @param {Handle} handle
 * @param {number} value
 */
export function positionOf(handle, value) {
  const [at, low, high] = [value, handle.low, handle.high].map((each) => stretched(handle, each));
  return (at - low) / (high - low);
}

/**
 * The value at `position`, 0 to 1; beyond the ends it is the value there.
 * @param {Handle} handle
 * @param {number} position
 */
export function valueAt(handle, position) {
  const share = Math.min(1, Math.max(0, position));
  const [low, high] = [stretched(handle, handle.low), stretched(handle, handle.high)];
  return rounded(handle, low + share * (high - low));
}

/**
 * The value some key presses further on: at least one value further with each.
 * @param {Handle} handle
 * @param {number} value
 * @param {number} presses Negative for back.
 */
export function pressed(handle, value, presses) {
  const linear = handle.scale === undefined || handle.scale === "linear";
  const count = linear ? (handle.high - handle.low) / (handle.step ?? 1) : LOG_STEPS;
  const next = valueAt(handle, positionOf(handle, value) + presses / count);
  if (next !== value || presses === 0) return next;
  return Math.min(handle.high, Math.max(handle.low, value + Math.sign(presses)));
}

/**
 * @param {Handle} handle
 * @param {number} value
 */
function stretched({ scale }, value) {
  if (scale === "log") return Math.log(value);
  return scale === "nines" ? -Math.log(1 - value) : value;
}

/**
 * @param {Handle} handle
 * @param {number} at A stretched value.
 */
function rounded({ scale, step = 1, low }, at) {
  if (scale === "log") return Number(Math.max(1, Math.exp(at)).toPrecision(2));
  if (scale === "nines") return 1 - Number(Math.exp(-at).toPrecision(1));
  return Number((low + Math.round((at - low) / step) * step).toFixed(6));
}
