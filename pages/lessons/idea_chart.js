// A small chart as SVG, drawn anew at each change of its numbers: axes, lines, bars, dots, and a mark along x.

import { make, makeSvg, setAttribute } from "../shared/browser/format.js";

/** @typedef {import("./idea_models.js").Figure} Figure */
/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/format.js").Formats} Formats */

const HEIGHT = 270;
const EDGES = { left: 46, right: 14, top: 10, bottom: 42 };
const TICKS = 5;

/**
 * Round numbers between the ends, their distance 1, 2 or 5 times a power of ten.
 * @param {number} low
 * @param {number} high
 * @param {number} count About so many.
 */
export function ticksBetween(low, high, count = TICKS) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((digit) => digit * power >= rough * 0.999) ?? 10) * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) ticks.push(Number((i * step).toPrecision(9)));
  return ticks;
}

/** @param {import("./idea_models.js").Line} line */
function strokeOf({ role, isDashed, isThin }) {
  const kind = `dqn-idea-line dqn-idea-${role}${isThin ? " dqn-idea-thin" : ""}`;
  return { class: kind, "stroke-dasharray": isDashed ? "6 5" : "none" };
}

export class IdeaChart {
  /**
   * @param {Labels} words
   * @param {Formats} formats
   */
  constructor(words, formats) {
    this.words = words;
    this.formats = formats;
    /** @type {Figure | null} */
    this.figure = null;
    this.svg = makeSvg("svg", { class: "dqn-idea-chart", role: "img", "aria-label": words.figure, height: String(HEIGHT) });
    this.legend = make("ul", { class: "dqn-idea-legend", "aria-hidden": "true" });
    this.element = make("div", { class: "dqn-idea-figure" }, this.legend, this.svg);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.element);
  }

  /** @param {Figure} figure */
  show(figure) {
    this.figure = figure;
    this.draw();
  }

  draw() {
    const width = Math.round(this.element.clientWidth);
    if (!width || this.figure === null) return;
    const { x, y, lines = [], bars = [], dots = [], mark } = this.figure;
    const right = width - EDGES.right;
    const bottom = HEIGHT - EDGES.bottom;
    const left = y.hasNoTicks ? EDGES.right : EDGES.left;
    const atX = (/** @type {number} */ value) => left + ((value - x.low) / (x.high - x.low)) * (right - left);
    const atY = (/** @type {number} */ value) => bottom - ((value - y.low) / (y.high - y.low)) * (bottom - EDGES.top);
    setAttribute(this.svg, "width", String(width));
    setAttribute(this.svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    const drawn = [];
    const line = (/** @type {string} */ kind, /** @type {number[]} */ [x1, y1, x2, y2]) =>
      makeSvg("line", { class: kind, x1: `${x1}`, y1: `${y1}`, x2: `${x2}`, y2: `${y2}` });
    const text = (/** @type {string} */ kind, /** @type {string} */ said, /** @type {number} */ px, /** @type {number} */ py) => {
      const element = makeSvg("text", { class: kind, x: `${px}`, y: `${py}` });
      element.textContent = said;
      return element;
    };
    if (!y.hasNoTicks) {
      for (const tick of ticksBetween(y.low, y.high)) {
        drawn.push(line("dqn-idea-grid", [left, atY(tick), right, atY(tick)]));
        drawn.push(text("dqn-idea-tick-y", this.formats.setting(tick), left - 6, atY(tick) + 4));
      }
    }
    for (const tick of ticksBetween(x.low, x.high)) drawn.push(text("dqn-idea-tick-x", this.formats.setting(tick), atX(tick), bottom + 16));
    drawn.push(line("dqn-idea-axis", [left, bottom, right, bottom]));
    drawn.push(text("dqn-idea-title", this.words.x, (left + right) / 2, HEIGHT - 6));
    if (mark !== undefined) drawn.push(line("dqn-idea-mark", [atX(mark), EDGES.top, atX(mark), bottom]));
    for (const bar of bars) {
      const [from, to, top] = [atX(bar.x - bar.width / 2), atX(bar.x + bar.width / 2), atY(bar.y)];
      const box = { x: `${from}`, y: `${top}`, width: `${to - from}`, height: `${bottom - top}` };
      drawn.push(makeSvg("rect", { class: `dqn-idea-fill dqn-idea-${bar.role}`, ...box }));
    }
    for (const each of lines) {
      if (!each.points.length) continue;
      const points = each.points.map(([px, py]) => `${atX(px).toFixed(1)},${atY(py).toFixed(1)}`).join(" ");
      drawn.push(makeSvg("polyline", { ...strokeOf(each), points }));
    }
    for (const dot of dots) {
      drawn.push(makeSvg("circle", { class: `dqn-idea-fill dqn-idea-${dot.role}`, cx: `${atX(dot.x)}`, cy: `${atY(dot.y)}`, r: "4.5" }));
    }
    this.svg.replaceChildren(...drawn);
    this.drawLegend();
  }

  drawLegend() {
    const named = (this.figure?.lines ?? []).filter((each) => each.label);
    const said = named.map((each) => `${each.label}:${each.role}:${each.isDashed ?? false}`).join(" ");
    if (this.legend.dataset.said === said) return;
    this.legend.dataset.said = said;
    const entries = named.map((each) => {
      const place = { x1: "0", y1: "5", x2: "22", y2: "5" };
      const stroke = makeSvg("line", { ...strokeOf(each), ...place });
      return make("li", {}, makeSvg("svg", { width: "22", height: "10" }, stroke), this.words[each.label ?? ""]);
    });
    this.legend.replaceChildren(...entries);
  }

  dispose() {
    this.resized.disconnect();
  }
}
