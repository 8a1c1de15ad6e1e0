// Curves over an episode's steps with a cursor: drawn once as SVG, so that moving the cursor costs nothing.

import { scaleOf } from "../shared/episode/episode.js";
import { make, makeSvg, setAttribute } from "../shared/browser/format.js";

const HEIGHT = 100; // Of the drawing's own coordinates; the page stretches it.

/**
 * About `count` round numbers from `low` to `high`.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
function roundTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((each) => each * power >= rough) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i += 1) ticks.push(i * step);
  return ticks;
}

/** @typedef {"start" | "move" | "end"} Phase Of pointing somewhere. */
/** @typedef {(step: number, phase: Phase) => void} OnSeek */
/** @typedef {{name: string, values: (number | null)[], isFilled?: boolean}} Series A value a step; null leaves a gap. */

export class Curves {
  /**
   * `onSeek` hears where somebody points.
   * @param {{className: string, onSeek: OnSeek, formats: import("../shared/browser/format.js").Formats}} options
   */
  constructor({ className, onSeek, formats }) {
    this.onSeek = onSeek;
    this.formats = formats;
    this.svg = makeSvg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
    this.ticks = make("div", { class: "dqn-curve-ticks", "aria-hidden": "true" });
    this.cursor = make("div", { class: "dqn-curve-cursor", "aria-hidden": "true" });
    this.plot = make("div", { class: "dqn-curve-plot" }, this.svg, this.ticks, this.cursor);
    /** @type {HTMLElement} */
    this.element = make("div", { class: `dqn-curves ${className}` }, this.plot);
    this.last = 1;
    this.low = 0;
    this.high = 1;
    this.plot.addEventListener("pointerdown", (event) => this.press(event));
  }

  /**
   * @param {Series[]} series
   * @param {number} last Number of the last step.
   */
  draw(series, last) {
    this.last = Math.max(1, last);
    const { low, high } = scaleOf(
      series.flatMap((each) => each.values),
      0,
    );
    const margin = 0.06 * (high - low);
    this.low = low < 0 ? low - margin : low;
    this.high = high > 0 ? high + margin : high;
    setAttribute(this.svg, "viewBox", `0 0 ${this.last} ${HEIGHT}`);
    const zero = makeSvg("path", { class: "dqn-curve-zero", d: `M0 ${this.y(0)}H${this.last}` });
    this.svg.replaceChildren(zero, ...series.flatMap((each) => this.paths(each)));
    this.drawTicks(low, high);
  }

  /** @param {Series} series */
  paths({ name, values, isFilled }) {
    const points = values.map((value, step) => (value === null ? null : `${step} ${this.y(value)}`));
    const line = points
      .map((point, step) => (point === null ? "" : `${points[step - 1] ? "L" : "M"}${point}`))
      .join("");
    const curve = makeSvg("path", { class: `dqn-curve dqn-curve-${name}`, d: line });
    if (!isFilled) return [curve];
    const area = `${line}L${values.length - 1} ${this.y(0)}L0 ${this.y(0)}Z`;
    return [makeSvg("path", { class: `dqn-area dqn-area-${name}`, d: area }), curve];
  }

  /**
   * Height of a value in the drawing.
   * @param {number} value
   */
  y(value) {
    return ((HEIGHT * (this.high - value)) / (this.high - this.low)).toFixed(2);
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  drawTicks(low, high) {
    const heights = roundTicks(low, high, 3).map((value) => {
      const tick = make("span", { class: "dqn-curve-y" }, this.formats.setting(Number(value.toPrecision(6))));
      tick.style.top = `${this.y(value)}%`;
      return tick;
    });
    const isWhole = (/** @type {number} */ step) => Math.abs(step - Math.round(step)) < 1e-9;
    const steps = roundTicks(0, this.last, 8).filter(isWhole).map((step) => {
      const tick = make("span", { class: "dqn-curve-x" }, this.formats.integer(step));
      tick.style.left = `${(100 * step) / this.last}%`;
      return tick;
    });
    this.ticks.replaceChildren(...heights, ...steps);
  }

  /** @param {number} step */
  moveTo(step) {
    this.cursor.style.left = `${(100 * Math.min(step, this.last)) / this.last}%`;
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.plot.setPointerCapture(event.pointerId);
    /** @type {(phase: Phase) => (each: PointerEvent) => void} */
    const tell = (phase) => (each) => this.onSeek(this.stepAt(each), phase);
    const move = tell("move");
    const end = (/** @type {PointerEvent} */ each) => {
      this.plot.removeEventListener("pointermove", move);
      this.plot.removeEventListener("pointerup", end);
      this.plot.removeEventListener("pointercancel", end);
      tell("end")(each);
    };
    this.plot.addEventListener("pointermove", move);
    this.plot.addEventListener("pointerup", end);
    this.plot.addEventListener("pointercancel", end);
    tell("start")(event);
  }

  /** @param {PointerEvent} event */
  stepAt(event) {
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.round(Math.min(1, Math.max(0, share)) * this.last);
  }
}
