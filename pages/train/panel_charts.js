// One live chart: a card with heading, legend buttons and a Plotly figure made from its template.

import { fill, make, setAttribute } from "../shared/browser/format.js";
import { legendButton, paintedLayout, PlotCard } from "../shared/browser/plot_card.js";
import { withAlpha } from "../shared/browser/plot_theme.js";
import { drawMarks, layoutMarks, MARK_FONT_SIZE, MARK_ROW_PX } from "./panel_marks.js";
import { decimate, robustLow, sample } from "./panel_series.js";
import { enlarged } from "./presentation.js";

const POINTS_AT_MOST = 1500;
const POINTS_PER_PIXEL = 2;
const PICTURE_HEAD_PX = 44;
const MARKERS_AT_MOST = 300; // A marker costs far more to draw than a point of a line.
const MARKERS_APART = 80; // More of them touch: they are drawn smaller and without their rims.

const measureText = (() => {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  return (/** @type {string} */ text, /** @type {string} */ font, /** @type {number} */ scale) => {
    context.font = `${MARK_FONT_SIZE * scale}px ${font}`;
    return context.measureText(text).width;
  };
})();

/**
 * @param {any} marker
 * @param {number} count
 * @param {string} color
 * @param {string} background
 */
function markerStyle(marker, count, color, background) {
  const isCrowded = count > MARKERS_APART;
  const size = isCrowded ? marker.size - 2 : marker.size;
  return { ...marker, color, size, line: { color: background, width: isCrowded ? 0 : marker.line.width } };
}

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/plot_theme.js").Theme<Record<string, string>>} PanelTheme */
/** @typedef {import("./panel_series.js").EpisodeSeries} EpisodeSeries */
/** @typedef {{data: any[], layout: any}} Template What pages/train/charts.py makes; its docstring tells of `meta`. */
/**
 * @typedef {object} View What is drawn.
 * @property {EpisodeSeries} series
 * @property {import("./panel_marks.js").Mark[]} marks
 * @property {number | null} goal
 * @property {PanelTheme} theme
 * @property {import("../shared/browser/format.js").Formats} formats
 * @property {string} fileName
 * @property {[number, number] | null} zoom The episodes that the reader chose; null for all.
 * @property {number} scale Of its letters: 1 on a page that is read at a desk.
 */

export class LiveChart {
  /**
   * `onStale` is called when the chart wants to be drawn again: zoomed, resized, legend or axis switched; `onZoom` and
   * `onHover` hear which episodes the reader chose, and at which they point.
   * @param {Template} template
   * @param {Labels} labels
   * @param {string} locale
   * @param {{onStale: () => void, onZoom: (range: [number, number] | null) => void,
   *   onHover: (x: number | null) => void}} listeners
   */
  constructor(template, labels, locale, { onStale, onZoom, onHover }) {
    this.template = template;
    this.id = template.layout.meta.id;
    this.labels = labels;
    this.hidden = new Set(template.data.filter((trace) => trace.visible === false).map((trace) => trace.meta.key));
    this.isLog = false;
    this.isStale = true;
    this.isOnScreen = true;
    this.isHovered = false;
    this.onStale = onStale;
    this.onZoom = onZoom;
    this.onHover = onHover;
    const { title, log_switch: hasLogSwitch } = template.layout.meta;
    const headingId = `dqn-heading-${this.id}`;
    /** @type {{button: HTMLElement, line: HTMLElement, trace: any}[]} */
    this.buttons = [];
    const legend = this.template.data.length > 1 ? this.template.data.map((trace) => this.legendButton(trace)) : [];
    const tools = make("div", { class: "dqn-tools" }, ...legend, hasLogSwitch ? this.logButton() : null);
    this.card = new PlotCard({
      testId: `chart-${this.id}`,
      labels: this.labels,
      locale,
      onChange: () => this.touch(),
      attributes: { class: "dqn-chart", "aria-labelledby": headingId },
      plot: { "aria-label": title },
      head: [make("h2", { id: headingId }, title), tools],
    });
    this.sightings = new IntersectionObserver((entries) => {
      this.isOnScreen = entries[entries.length - 1].isIntersecting; // A busy page is told of several moments at once.
      if (this.isOnScreen) this.onStale();
    });
    this.sightings.observe(this.card.element);
  }

  /** @param {any} trace */
  legendButton(trace) {
    const { key } = trace.meta;
    const { button, line } = legendButton({
      name: trace.name,
      kind: trace.mode === "markers" ? "point" : (trace.line.dash ?? "solid"),
      testId: `legend-${this.id}-${key}`,
      isShown: !this.hidden.has(key),
      style: `opacity: ${Math.max(0.45, trace.opacity ?? 1)}`,
      onPress: () => {
        if (!this.hidden.delete(key)) this.hidden.add(key);
        button.setAttribute("aria-pressed", String(!this.hidden.has(key)));
        this.touch();
      },
    });
    this.buttons.push({ button, line, trace });
    return button;
  }

  logButton() {
    const button = make(
      "button",
      { type: "button", class: "dqn-switch", "aria-pressed": "false", "data-testid": `log-${this.id}` },
      this.labels.log_axis,
    );
    button.addEventListener("click", () => {
      this.isLog = !this.isLog;
      button.setAttribute("aria-pressed", String(this.isLog));
      this.touch();
    });
    return button;
  }

  /**
   * A chart of what only some runs have is there for those alone.
   * @param {EpisodeSeries} series
   */
  showIfFilled(series) {
    const { layout, data } = this.template;
    this.card.element.hidden = layout.meta.is_optional === true && !series.filled.has(data[0].meta.y);
  }

  touch() {
    this.isStale = true;
    this.onStale();
  }

  get isDue() {
    return this.isWaiting && !this.card.isDragged;
  }

  /** Touched again since it was drawn, or held back while somebody drags in it. */
  get isWaiting() {
    return this.isStale && this.isOnScreen && this.card.isReady;
  }

  /** @param {string} text */
  showEmpty(text) {
    this.card.showEmpty(text);
    this.card.element.classList.toggle("dqn-is-empty", text !== "");
  }

  /** @param {View} view */
  draw(view) {
    this.isStale = false;
    const isFirst = !this.card.isDrawn;
    const traces = this.traces(view);
    this.card.draw(traces, this.layout(view, traces), isFirst ? [this.pictureButton(view.fileName)] : []);
    this.describe(view);
    if (isFirst) {
      this.card.plot.on("plotly_relayout", (/** @type {any} */ change) => this.relaidOut(change));
      this.card.plot.on("plotly_hover", (/** @type {any} */ { xvals }) => !this.isHovered && this.onHover(xvals[0]));
      this.card.plot.on("plotly_unhover", () => !this.isHovered && this.onHover(null));
      this.touch(); // Labels of live changes are placed by the axis, which the first drawing has just laid out.
    }
  }

  /**
   * The reader zoomed, here or back out again: all charts show the same episodes.
   * @param {Record<string, any>} change
   */
  relaidOut(change) {
    const [low, high] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (low !== undefined && high !== undefined) this.onZoom([low, high]);
    else if (change["xaxis.autorange"]) this.onZoom(null);
    this.touch();
  }

  /**
   * Shows what it has at `x`, where the reader points in another chart; null for nothing.
   * @param {number | null} x
   */
  hover(x) {
    if (!this.card.isDrawn || !this.isOnScreen || this.card.isDragged) return;
    this.isHovered = true; // What follows is no reader's pointing.
    if (x === null) this.card.Plotly.Fx.unhover(this.card.plot);
    else this.card.Plotly.Fx.hover(this.card.plot, { xval: x });
    this.isHovered = false;
  }

  /**
   * Visible range of x, or everything while the chart follows the data.
   * @returns {[number, number]}
   */
  visibleRange() {
    const axis = this.card.plot.layout?.xaxis;
    if (!axis || axis.autorange !== false || !axis.range) return [-Infinity, Infinity];
    return [Math.min(...axis.range), Math.max(...axis.range)];
  }

  /** @param {View} view */
  traces(view) {
    const range = this.visibleRange();
    const limit = Math.min(POINTS_AT_MOST, Math.max(200, this.card.size.width * POINTS_PER_PIXEL));
    return this.template.data.map((trace) => {
      const color = view.theme.colors[trace.meta.color];
      const points = this.isShown(trace, view) ? this.points(trace, range, limit, view) : { x: [], y: [] };
      return {
        ...trace,
        ...points,
        visible: this.isShown(trace, view),
        ...(trace.line && { line: { ...trace.line, color } }),
        ...(trace.marker && { marker: markerStyle(trace.marker, points.x.length, color, view.theme.background) }),
        ...(trace.fill && { fillcolor: withAlpha(color, 0.14) }),
      };
    });
  }

  /**
   * @param {any} trace
   * @param {View} view
   */
  isShown(trace, view) {
    return !this.hidden.has(trace.meta.key) && !(trace.meta.y === "goal" && view.goal === null);
  }

  /**
   * @param {any} trace
   * @param {[number, number]} range
   * @param {number} limit
   * @param {View} view
   */
  points({ meta, mode }, range, limit, { series, goal }) {
    if (meta.y === "goal") return { x: [series.column(meta.x)[0], series.last(meta.x)], y: [goal, goal] };
    if (mode === "markers") return series.points(meta, range, Math.min(limit, MARKERS_AT_MOST), sample);
    return series.points(meta, range, limit, decimate);
  }

  /**
   * @param {View} view
   * @param {any[]} traces
   */
  layout(view, traces) {
    const { layout } = this.template;
    const { theme } = view;
    const scale = this.isLog ? "log" : "linear";
    const newest = view.series.last(this.template.data[0].meta.x);
    const { shapes, annotations, rows } = this.marks(view);
    const painted = enlarged(paintedLayout(layout, theme, view.formats, theme.colors.data), view.scale);
    const { margin } = painted;
    const low = layout.meta.robust ? robustLow(traces.flatMap((trace) => trace.y)) : null;
    return {
      ...painted,
      shapes,
      annotations: low === null ? annotations : [...annotations, this.belowMark(view)],
      margin: { ...margin, t: margin.t + rows * MARK_ROW_PX * view.scale },
      // Room that markers ask for at the end would set this chart's episodes off against the others'.
      xaxis: {
        ...painted.xaxis,
        showline: true,
        uirevision: String(view.zoom), // A zoom in another chart counts for this one.
        ...(view.zoom ? { range: view.zoom, autorange: false } : { autorange: true }),
        autorangeoptions: { clipmin: 0, clipmax: newest },
      },
      // A range chosen on one scale means nothing on the other: the switch drops it.
      yaxis: {
        ...painted.yaxis,
        type: scale,
        uirevision: scale,
        ...(low !== null && { autorangeoptions: { clipmin: low } }),
      },
    };
  }

  /**
   * Says that values lie below the axis.
   * @param {View} view
   */
  belowMark({ theme, scale }) {
    return {
      xref: "paper",
      yref: "paper",
      x: 0,
      y: 0,
      xanchor: "left",
      yanchor: "bottom",
      xshift: 4,
      showarrow: false,
      bgcolor: withAlpha(theme.background, 0.85),
      text: `▼ ${this.labels.below}`,
      font: { color: theme.axis, size: MARK_FONT_SIZE * scale },
    };
  }

  /** @param {View} view */
  marks(view) {
    const axis = this.card.plot._fullLayout?.xaxis;
    if (!axis || view.marks.length === 0) return { shapes: [], annotations: [], rows: 0 };
    const { scale, theme } = view;
    const { l, r, t, b } = enlarged(this.template.layout.margin, scale);
    const width = this.card.size.width - l - r;
    const [low, high] = axis.range;
    const toPixel = (/** @type {number} */ x) => ((x - low) / (high - low)) * width;
    const laidOut = layoutMarks(view.marks, toPixel, width, (text) => measureText(text, theme.font, scale));
    const hasLabels = this.template.layout.meta.mark_labels === true;
    const placed = hasLabels ? laidOut.placed : laidOut.placed.map((mark) => ({ ...mark, row: -1 }));
    const rows = hasLabels ? laidOut.rows : 0;
    const plotHeight = Math.max(40, this.card.size.height - t - b - rows * MARK_ROW_PX * scale);
    return { ...drawMarks(placed, plotHeight, theme, scale), rows };
  }

  /** @param {string} runId */
  pictureButton(runId) {
    const title = this.labels.download_png;
    return { name: "picture", title, icon: this.card.Plotly.Icons.camera, click: () => this.downloadPicture(runId) };
  }

  /**
   * The chart as it stands, with the heading and the legend that the page keeps outside of the figure.
   * @param {string} runId
   */
  downloadPicture(runId) {
    this.card.savePicture({
      fileName: `${runId}-${this.id}`,
      title: this.template.layout.meta.title,
      head: PICTURE_HEAD_PX,
      layout: {
        showlegend: this.template.data.length > 1,
        legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "top", yref: "container" },
      },
    });
  }

  /**
   * @param {PanelTheme} theme
   * @param {number | null} goal
   */
  paintLegend(theme, goal) {
    for (const { button, line, trace } of this.buttons) {
      line.style.color = theme.colors[trace.meta.color];
      button.hidden = trace.meta.y === "goal" && goal === null;
    }
  }

  /** @param {View} view */
  describe(view) {
    const { title } = this.template.layout.meta;
    const value = view.formats.significant(view.series.last(this.template.data[0].meta.y));
    const values = { title, rows: view.formats.integer(view.series.length), value };
    setAttribute(this.card.plot, "aria-label", fill(this.labels.chart_summary, values));
  }

  dispose() {
    this.sightings.disconnect();
    this.card.dispose();
  }
}
