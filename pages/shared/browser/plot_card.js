// A plot on a card: heading and tools, the plot or what is said in its place, its size, and its picture as a file.

import { make, setText } from "./format.js";
import { registerWords, withAlpha } from "./plot_theme.js";
import { loadPlotly } from "./plotly_loader.js";

const RETRY_MS = 3000;
const PICTURE_SCALE = 2;
const ZOOM_BUTTONS = ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]; // Without a mouse, the last three.

/** @typedef {import("./format.js").Labels} Labels */
/** @typedef {Record<string, any>} PlotlyValues Traces, layouts and options are Plotly's own. */
/**
 * @typedef {object} PlotParts
 * @property {boolean} [_dragging] Somebody drags in it just now.
 * @property {PlotlyValues} [_fullLayout] Present once it is drawn.
 * @property {PlotlyValues} layout
 * @property {PlotlyValues[]} data
 * @property {(event: string, handler: (change: Record<string, unknown>) => void) => void} on
 */
/**
 * @typedef {object} CardOptions
 * @property {string} testId
 * @property {Labels} labels With Plotly's few words: zoom, pan, zoom_in, zoom_out, reset_axes, zoom_out_hint.
 * @property {string} locale
 * @property {() => void} onChange Called when it can be drawn otherwise: the library has come, the size is another.
 * @property {Record<string, string>} [attributes] Of the card; its class is added.
 * @property {Record<string, string>} [plot] Attributes of the plot.
 * @property {(Node | string | null)[]} [head] Heading and tools.
 * @property {Node[]} [between] What stands between head and plot.
 * @property {Node[]} [below]
 */

export class PlotCard {
  /** @param {CardOptions} options */
  constructor({ testId, labels, locale, onChange, attributes = {}, plot = {}, head = [], between = [], below = [] }) {
    this.labels = labels;
    this.locale = locale;
    this.onChange = onChange;
    this.size = { width: 0, height: 0 };
    this.isDisposed = false;
    /** @type {any} Plotly, once it has come. */
    this.Plotly = undefined;
    /** @type {PlotlyValues | undefined} */
    this.config = undefined;
    const shown = make("div", { class: "dqn-plot", "data-testid": testId, role: "group", ...plot });
    this.plot = /** @type {HTMLDivElement & PlotParts} */ (shown);
    this.empty = make("p", { class: "dqn-empty" });
    this.empty.hidden = true;
    this.box = make("div", { class: "dqn-plot-box" }, this.plot, this.empty);
    this.element = make(
      "section",
      { ...attributes, class: `dqn-card ${attributes.class ?? ""}`.trim() },
      make("div", { class: "dqn-card-head" }, ...head),
      ...between,
      this.box,
      ...below,
    );
    this.resizes = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.size = { width: Math.floor(width), height: Math.floor(height) };
      this.onChange();
    });
    this.resizes.observe(this.plot);
    this.load();
  }

  async load() {
    try {
      const Plotly = await loadPlotly();
      if (this.isDisposed) return;
      this.plotlyLocale = registerWords(Plotly, this.locale, this.labels);
      this.Plotly = Plotly;
      this.onChange();
    } catch {
      // The server cannot be reached, which the page says in its own way.
      this.timer = setTimeout(() => this.load(), RETRY_MS);
    }
  }

  /** Whether it can be drawn: the library is there, and the plot has a place on the page. */
  get isReady() {
    return this.Plotly !== undefined && this.size.width > 0;
  }

  get isDragged() {
    return this.plot._dragging === true;
  }

  get isDrawn() {
    return this.plot._fullLayout !== undefined;
  }

  /**
   * Says `text` in the plot's place; empty for the plot itself.
   * @param {string} text
   */
  showEmpty(text) {
    setText(this.empty, text);
    this.empty.hidden = text === "";
  }

  /**
   * Draws it in place: zoom and hover stay where the layout's `uirevision` does.
   * @param {PlotlyValues[]} data
   * @param {PlotlyValues} layout
   * @param {PlotlyValues[]} buttons More buttons of the mode bar, at the first drawing.
   */
  draw(data, layout, buttons = []) {
    // The same object at each drawing: a changed one, be it by a new function, makes Plotly forget the zoom.
    this.config ??= {
      displaylogo: false,
      responsive: false,
      locale: this.plotlyLocale,
      modeBarButtons: [[...ZOOM_BUTTONS, ...buttons]],
    };
    this.Plotly.react(this.plot, data, { ...layout, ...this.size }, this.config);
  }

  /**
   * Saves the figure as it stands, with the heading or legend that the page keeps outside of it.
   * @param {object} picture
   * @param {string} picture.fileName
   * @param {string} [picture.title]
   * @param {number} picture.head Pixels above the plot for title and legend.
   * @param {"png" | "svg"} [picture.format]
   * @param {PlotlyValues[]} [picture.data]
   * @param {PlotlyValues} [picture.layout] What else differs from the figure on the page.
   */
  savePicture({ fileName, title, head, format = "png", data = this.plot.data, layout = {} }) {
    if (!this.isDrawn) return;
    const shown = this.plot.layout;
    const figure = {
      data,
      layout: {
        ...shown,
        ...(title && { title: { text: title, x: 0.02, y: 1, yanchor: "top", pad: { t: 12 } } }),
        // Fonts of the page do not reach into a picture: text is measured and drawn in one that is always there.
        font: { ...shown.font, family: "sans-serif" },
        margin: { ...shown.margin, t: (shown.margin?.t ?? 0) + head },
        ...layout,
      },
    };
    const { width, height } = this.size;
    const size = { width, height: height + head, scale: PICTURE_SCALE };
    this.Plotly.downloadImage(figure, { format, filename: fileName, ...size });
  }

  dispose() {
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.resizes.disconnect();
    if (this.isDrawn) this.Plotly.purge(this.plot);
    this.element.remove();
  }
}

/**
 * `layout` in the page's colours and font.
 * @param {PlotlyValues} layout
 * @param {import("./plot_theme.js").Theme<unknown>} theme
 * @param {import("./format.js").Formats} formats
 * @param {string} activeColor Of the mode bar's button that is on.
 * @returns {PlotlyValues}
 */
export function paintedLayout(layout, theme, formats, activeColor) {
  const axis = {
    color: theme.axis,
    gridcolor: theme.grid,
    linecolor: theme.border,
    tickcolor: theme.border,
    zerolinecolor: theme.border,
  };
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return {
    ...layout,
    ...Object.fromEntries(axes.map((name) => [name, { ...axis, ...layout[name] }])),
    paper_bgcolor: theme.background,
    plot_bgcolor: theme.background,
    font: { family: theme.font, size: 13, color: theme.text },
    separators: formats.separators,
    legend: { ...layout.legend, bgcolor: withAlpha(theme.background, 0.6), font: { color: theme.text, size: 12 } },
    hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: { color: theme.text, size: 13 } },
    modebar: { bgcolor: withAlpha(theme.background, 0.85), color: theme.axis, activecolor: activeColor },
  };
}

/**
 * A button of a legend that switches a series on and off, with the series' line or point before its name.
 * @param {object} entry
 * @param {string} entry.name
 * @param {string} entry.kind "point", or how the line is dashed.
 * @param {string} entry.testId
 * @param {boolean} entry.isShown
 * @param {string} [entry.style] CSS of the line or point.
 * @param {() => void} entry.onPress
 */
export function legendButton({ name, kind, testId, isShown, style = "", onPress }) {
  const line = swatch(kind, style);
  const attributes = { type: "button", class: "dqn-legend", "data-testid": testId, "aria-pressed": String(isShown) };
  const button = make("button", attributes, line, name);
  button.addEventListener("click", onPress);
  return { button, line };
}

/**
 * A short line as a figure draws it, or a point.
 * @param {string} kind
 * @param {string} style
 */
export function swatch(kind, style) {
  return make("span", { class: `dqn-swatch dqn-swatch-${kind}`, "aria-hidden": "true", style });
}
