// One figure: heading, tools, plot, and a player where it has frames.

import { make, makeFormats, setAttribute, setText } from "../format.js";
import { readTheme, registerWords } from "../plot_theme.js";
import { loadPlotly } from "../plotly_loader.js";
import { csvText, tableOf, tracesAt, unpacked } from "./figure_data.js";
import { FramePlayer } from "./figure_player.js";
import { paintedLayout, paintedTrace } from "./figure_theme.js";

const RETRY_MS = 3000;
const FRAME_EVENT = "dqn-lab-frame";
const PICTURE_SCALE = 2;
const PICTURE_HEAD_PX = 40;

export default class FigureCard {
  constructor(parent, data) {
    this.parent = parent;
    this.id = data.id;
    this.size = { width: 0, height: 0 };
    this.build(data);
    this.resizes = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.size = { width: Math.floor(width), height: Math.floor(height) };
      this.draw();
    });
    this.resizes.observe(this.plot);
    this.follow = ({ detail }) => {
      if (detail.group !== this.data.group || detail.index === this.player.index) return;
      this.player.pause();
      this.player.show(Math.min(detail.index, this.player.names.length - 1));
      this.draw();
    };
    window.addEventListener(FRAME_EVENT, this.follow);
    this.loadPlotly();
  }

  static identityOf({ id }) {
    return id;
  }

  build({ labels }) {
    const { id } = this;
    this.heading = make("h3", { id: `dqn-heading-${id}` });
    this.hint = make("p", { class: "dqn-hint" });
    const tool = (name, act) => {
      const button = make(
        "button",
        { type: "button", class: "dqn-tool", title: labels[`${name}_help`], "data-testid": `${name}-${id}` },
        labels[name],
      );
      button.addEventListener("click", act);
      return button;
    };
    this.plot = make("div", { class: "dqn-plot", role: "img", "data-testid": `figure-${id}` });
    this.box = make("div", { class: "dqn-plot-box" }, this.plot);
    this.player = new FramePlayer(id, labels, (index) => this.tellGroup(index));
    this.root = make(
      "section",
      { class: "dqn-live dqn-figure", "aria-labelledby": `dqn-heading-${id}` },
      make(
        "div",
        { class: "dqn-card" },
        make(
          "div",
          { class: "dqn-card-head" },
          this.heading,
          make("div", { class: "dqn-tools" }, tool("csv", () => this.saveTable()), tool("png", () => this.savePicture())),
        ),
        this.hint,
        this.player.element,
        this.box,
      ),
    );
    this.parent.append(this.root);
  }

  /** What Python rendered: the figure, its texts, the page's colours. */
  accept(data) {
    const isNew = this.data === undefined || JSON.stringify(data.figure) !== JSON.stringify(this.data.figure);
    const wasAtEnd = this.data === undefined || this.player.index >= this.player.names.length - 1;
    const isOtherFrames = JSON.stringify(data.frames) !== JSON.stringify(this.data?.frames);
    this.data = data;
    if (isNew) this.figure = unpacked(data.figure);
    if (isOtherFrames) this.frames = unpacked(data.frames);
    this.formats = makeFormats(data.locale);
    this.theme = { ...readTheme(this.root, data.palette), series: [] };
    this.theme.series = data.series[this.theme.isDark ? "dark" : "light"];
    setText(this.heading, data.title);
    setText(this.hint, data.hint);
    this.hint.hidden = data.hint === "";
    this.box.style.height = `${data.height}px`;
    setAttribute(this.root, "lang", data.locale);
    if (isOtherFrames) {
      const names = data.frames.map((frame) => frame.name);
      this.player.accept(names, wasAtEnd ? Math.max(0, names.length - 1) : Math.min(this.player.index, names.length - 1));
    }
    this.draw();
  }

  async loadPlotly() {
    try {
      const Plotly = await loadPlotly();
      if (this.isDisposed) return;
      this.locale = registerWords(Plotly, this.data.locale, this.data.labels);
      this.Plotly = Plotly;
      this.draw();
    } catch {
      this.timer = setTimeout(() => this.loadPlotly(), RETRY_MS); // Streamlit says that the server is away.
    }
  }

  /** Shows the frame that the player has moved to, here and in the figures that go along. */
  tellGroup(index) {
    this.draw();
    const { group } = this.data;
    if (group) window.dispatchEvent(new CustomEvent(FRAME_EVENT, { detail: { group, index } }));
  }

  traces() {
    return tracesAt(this.figure, this.frames, this.player.index).map((trace) =>
      paintedTrace(trace, this.theme, this.data.scales),
    );
  }

  draw() {
    if (!this.Plotly || this.size.width === 0) return;
    const layout = { ...paintedLayout(this.figure.layout, this.theme, this.formats), ...this.size };
    this.config ??= {
      displaylogo: false,
      responsive: false,
      locale: this.locale,
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]],
    };
    this.Plotly.react(this.plot, this.traces(), layout, this.config);
    setAttribute(this.plot, "aria-label", [this.data.title, this.player.names[this.player.index], this.data.summary]
      .filter(Boolean).join(". "));
    setAttribute(this.root, "data-frame", String(this.player.index));
  }

  get fileName() {
    const name = this.frames.length > 1 ? `-${this.player.names[this.player.index]}` : "";
    return `${this.data.file_name}${name}`.replaceAll(/[^\p{L}\p{N}.-]+/gu, "-");
  }

  saveTable() {
    const text = csvText(tableOf(tracesAt(this.figure, this.frames, this.player.index), this.data.labels));
    const link = make("a", {
      href: URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" })),
      download: `${this.fileName}.csv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /** The figure as it stands, with the heading that the page keeps outside of it. */
  savePicture() {
    if (!this.plot.layout) return;
    const { layout } = this.plot;
    const { width, height } = this.size;
    const name = this.frames.length > 1 ? ` · ${this.player.names[this.player.index]}` : "";
    const figure = {
      data: this.plot.data,
      layout: {
        ...layout,
        title: { text: `${this.data.title}${name}`, x: 0.02, y: 1, yanchor: "top", pad: { t: 12 } },
        // Fonts of the page do not reach into a picture: text is measured and drawn in one that is always there.
        font: { ...layout.font, family: "sans-serif" },
        margin: { ...layout.margin, t: (layout.margin?.t ?? 0) + PICTURE_HEAD_PX },
      },
    };
    const options = { format: "png", width, height: height + PICTURE_HEAD_PX, scale: PICTURE_SCALE };
    this.Plotly.downloadImage(figure, { ...options, filename: this.fileName });
  }

  dispose() {
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.player.dispose();
    window.removeEventListener(FRAME_EVENT, this.follow);
    this.resizes.disconnect();
    if (this.plot._fullLayout !== undefined) window.Plotly.purge(this.plot);
    this.root.remove();
  }
}
