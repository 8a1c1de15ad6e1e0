// One live chart: a card with heading, legend buttons and a Plotly figure made from its template.

import { fill, make, setAttribute, setText } from "../shared/format.js";
import { withAlpha } from "../shared/plot_theme.js";
import { drawMarks, layoutMarks, MARK_FONT_SIZE, MARK_ROW_PX } from "./panel_marks.js";
import { decimate, sample } from "./panel_series.js";

const POINTS_AT_MOST = 1500;
const POINTS_PER_PIXEL = 2;
const PICTURE_HEAD_PX = 44;
const MARKERS_AT_MOST = 300; // A marker costs far more to draw than a point of a line.
const MARKERS_APART = 80; // More of them touch: they are drawn smaller and without their rims.

const measureText = (() => {
  const context = document.createElement("canvas").getContext("2d");
  return (text, font) => {
    context.font = `${MARK_FONT_SIZE}px ${font}`;
    return context.measureText(text).width;
  };
})();

function markerStyle(marker, count, color, background) {
  const isCrowded = count > MARKERS_APART;
  const size = isCrowded ? marker.size - 2 : marker.size;
  return { ...marker, color, size, line: { color: background, width: isCrowded ? 0 : marker.line.width } };
}

export class LiveChart {
  /** `onStale` is called when the chart wants to be drawn again: zoomed, resized, legend or axis switched. */
  constructor(template, labels, onStale) {
    this.template = template;
    this.id = template.layout.meta.id;
    this.labels = labels;
    this.hidden = new Set(template.data.filter((trace) => trace.visible === false).map((trace) => trace.meta.key));
    this.isLog = false;
    this.isStale = true;
    this.isOnScreen = true;
    this.size = { width: 0, height: 0 };
    this.onStale = onStale;
    this.build();
    this.watchSize();
  }

  build() {
    const { title, log_switch: hasLogSwitch } = this.template.layout.meta;
    const headingId = `dqn-heading-${this.id}`;
    this.plot = make("div", {
      class: "dqn-plot",
      "data-testid": `chart-${this.id}`,
      role: "group",
      "aria-label": title,
    });
    this.empty = make("p", { class: "dqn-empty" });
    this.buttons = [];
    const legend = this.template.data.length > 1 ? this.template.data.map((trace) => this.legendButton(trace)) : [];
    const tools = make("div", { class: "dqn-tools" }, ...legend, hasLogSwitch ? this.logButton() : null);
    this.card = make(
      "section",
      { class: "dqn-card dqn-chart", "aria-labelledby": headingId },
      make("div", { class: "dqn-card-head" }, make("h3", { id: headingId }, title), tools),
      make("div", { class: "dqn-plot-box" }, this.plot, this.empty),
    );
  }

  legendButton(trace) {
    const { key } = trace.meta;
    const swatch = make("span", {
      class: `dqn-swatch dqn-swatch-${trace.mode === "markers" ? "point" : (trace.line.dash ?? "solid")}`,
      "aria-hidden": "true",
      style: `opacity: ${Math.max(0.45, trace.opacity ?? 1)}`,
    });
    const button = make(
      "button",
      { type: "button", class: "dqn-legend", "data-testid": `legend-${this.id}-${key}` },
      swatch,
      trace.name,
    );
    const show = () => button.setAttribute("aria-pressed", String(!this.hidden.has(key)));
    button.addEventListener("click", () => {
      if (!this.hidden.delete(key)) this.hidden.add(key);
      show();
      this.touch();
    });
    show();
    this.buttons.push({ button, swatch, trace });
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

  watchSize() {
    this.resizes = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.size = { width: Math.floor(width), height: Math.floor(height) };
      this.touch();
    });
    this.resizes.observe(this.plot);
    this.sightings = new IntersectionObserver(([entry]) => {
      this.isOnScreen = entry.isIntersecting;
      if (this.isOnScreen) this.onStale();
    });
    this.sightings.observe(this.card);
  }

  touch() {
    this.isStale = true;
    this.onStale();
  }

  get isDue() {
    return this.isStale && this.isOnScreen && this.size.width > 0 && !this.plot._dragging;
  }

  /** Touched again since it was drawn, or held back while somebody drags in it. */
  get isWaiting() {
    return this.isStale && this.isOnScreen && this.size.width > 0;
  }

  showEmpty(text) {
    setText(this.empty, text);
    this.empty.hidden = text === "";
    this.card.classList.toggle("dqn-is-empty", text !== "");
  }

  /** Draws from `view`: {series, marks, goal, theme, formats, locale, fileName}. */
  draw(Plotly, view) {
    this.isStale = false;
    const isFirst = this.plot._fullLayout === undefined;
    const layout = this.layout(view);
    Plotly.react(this.plot, this.traces(view), layout, this.config(view));
    this.describe(view);
    if (isFirst) {
      this.plot.on("plotly_relayout", () => this.touch());
      this.touch(); // Labels of live changes are placed by the axis, which the first drawing has just laid out.
    }
  }

  /** Visible range of x, or everything while the chart follows the data. */
  visibleRange() {
    const axis = this.plot.layout?.xaxis;
    if (!axis || axis.autorange !== false || !axis.range) return [-Infinity, Infinity];
    return [Math.min(...axis.range), Math.max(...axis.range)];
  }

  traces(view) {
    const range = this.visibleRange();
    const limit = Math.min(POINTS_AT_MOST, Math.max(200, this.size.width * POINTS_PER_PIXEL));
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

  isShown(trace, view) {
    return !this.hidden.has(trace.meta.key) && !(trace.meta.y === "goal" && view.goal === null);
  }

  points({ meta, mode }, range, limit, { series, goal }) {
    if (meta.y === "goal") return { x: [series.column(meta.x)[0], series.last(meta.x)], y: [goal, goal] };
    if (mode === "markers") return series.points(meta, range, Math.min(limit, MARKERS_AT_MOST), sample);
    return series.points(meta, range, limit, decimate);
  }

  layout(view) {
    const { layout } = this.template;
    const { theme } = view;
    const scale = this.isLog ? "log" : "linear";
    const newest = view.series.last(this.template.data[0].meta.x);
    const { shapes, annotations, rows } = this.marks(view);
    const axis = { color: theme.axis, gridcolor: theme.grid, linecolor: theme.border, tickcolor: theme.border };
    return {
      ...layout,
      ...this.size,
      shapes,
      annotations,
      margin: { ...layout.margin, t: layout.margin.t + rows * MARK_ROW_PX },
      paper_bgcolor: theme.background,
      plot_bgcolor: theme.background,
      font: { family: theme.font, size: 13, color: theme.text },
      separators: view.formats.separators,
      // Room that markers ask for at the end would set this chart's episodes off against the others'.
      xaxis: { ...layout.xaxis, ...axis, showline: true, autorangeoptions: { clipmin: 0, clipmax: newest } },
      // A range chosen on one scale means nothing on the other: the switch lets go of it.
      yaxis: { ...layout.yaxis, ...axis, type: scale, uirevision: scale },
      hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: { color: theme.text, size: 13 } },
      modebar: { bgcolor: withAlpha(theme.background, 0.85), color: theme.axis, activecolor: theme.colors.data },
    };
  }

  marks(view) {
    const axis = this.plot._fullLayout?.xaxis;
    if (!axis || view.marks.length === 0) return { shapes: [], annotations: [], rows: 0 };
    const width = this.size.width - this.template.layout.margin.l - this.template.layout.margin.r;
    const [low, high] = axis.range;
    const toPixel = (x) => ((x - low) / (high - low)) * width;
    const { placed, rows } = layoutMarks(view.marks, toPixel, width, (text) => measureText(text, view.theme.font));
    const { t, b } = this.template.layout.margin;
    const plotHeight = Math.max(40, this.size.height - t - b - rows * MARK_ROW_PX);
    return { ...drawMarks(placed, plotHeight, view.theme), rows };
  }

  /** The same object at each drawing: a changed one, be it by a new function, makes Plotly forget the zoom. */
  config(view) {
    this.plotConfig ??= {
      displaylogo: false,
      responsive: false,
      locale: view.locale,
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", this.pictureButton(view.fileName)]],
    };
    return this.plotConfig;
  }

  pictureButton(runId) {
    const title = this.labels.download_png;
    return { name: "picture", title, icon: window.Plotly.Icons.camera, click: () => this.downloadPicture(runId) };
  }

  /** The chart as it stands, with the heading and the legend that the page keeps outside of the figure. */
  downloadPicture(runId) {
    const { width, height } = this.size;
    const { layout } = this.plot;
    const figure = {
      data: this.plot.data,
      layout: {
        ...layout,
        title: { text: this.template.layout.meta.title, x: 0.02, y: 1, yanchor: "top", pad: { t: 12 } },
        // Fonts of the page do not reach into a picture: text is measured and drawn in one that is always there.
        font: { ...layout.font, family: "sans-serif" },
        margin: { ...layout.margin, t: layout.margin.t + PICTURE_HEAD_PX },
        showlegend: this.template.data.length > 1,
        legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "top", yref: "container" },
      },
    };
    const size = { width, height: height + PICTURE_HEAD_PX };
    window.Plotly.downloadImage(figure, { format: "png", filename: `${runId}-${this.id}`, scale: 2, ...size });
  }

  paintLegend(theme, goal) {
    for (const { button, swatch, trace } of this.buttons) {
      swatch.style.color = theme.colors[trace.meta.color];
      button.hidden = trace.meta.y === "goal" && goal === null;
    }
  }

  describe(view) {
    const { title } = this.template.layout.meta;
    const value = view.formats.significant(view.series.last(this.template.data[0].meta.y));
    const values = { title, rows: view.formats.integer(view.series.length), value };
    setAttribute(this.plot, "aria-label", fill(this.labels.chart_summary, values));
  }

  dispose() {
    this.resizes.disconnect();
    this.sightings.disconnect();
    if (this.plot._fullLayout !== undefined) window.Plotly.purge(this.plot);
  }
}
