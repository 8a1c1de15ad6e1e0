// One figure: heading, tools, plot, and a player where it has frames.

import { make, makeFormats, setAttribute, setText } from "../browser/format.js";
import { PlotCard } from "../browser/plot_card.js";
import { readTheme } from "../browser/plot_theme.js";
import { csvText, tableOf, tracesAt, unpacked } from "./figure_data.js";
import { FramePlayer } from "./figure_player.js";
import { figureLayout, paintedTrace } from "./figure_theme.js";

const FRAME_EVENT = "dqn-lab-frame";
const PICTURE_HEAD_PX = 40;

/** @typedef {import("./figure_theme.js").FigureTheme} FigureTheme */
/**
 * @typedef {object} FigureData What Python hands over.
 * @property {string} id
 * @property {string} title
 * @property {string} hint
 * @property {string} summary
 * @property {import("./figure_data.js").Figure} figure
 * @property {import("./figure_data.js").Frame[]} frames
 * @property {number} height
 * @property {string} group
 * @property {string} file_name
 * @property {string} locale
 * @property {import("../browser/format.js").Labels} labels
 * @property {{light: Record<string, string>, dark: Record<string, string>}} palette
 * @property {{light: string[], dark: string[]}} series
 * @property {import("./figure_theme.js").Scales} scales
 */

export default class FigureCard {
  /**
   * @param {HTMLElement} parent
   * @param {FigureData} data
   */
  constructor(parent, data) {
    this.parent = parent;
    this.id = data.id;
    this.data = data;
    /** @type {import("./figure_data.js").Figure | null} */
    this.figure = null;
    /** @type {import("./figure_data.js").Frame[]} */
    this.frames = [];
    this.formats = makeFormats(data.locale);
    /** @type {FigureTheme | null} */
    this.theme = null;
    const { id, labels, locale } = data;
    this.heading = make("h2", { id: `dqn-heading-${id}` });
    this.hint = make("p", { class: "dqn-hint" });
    const tool = (/** @type {string} */ name, /** @type {() => void} */ act) => {
      const button = make(
        "button",
        { type: "button", class: "dqn-tool", title: labels[`${name}_help`], "data-testid": `${name}-${id}` },
        labels[name],
      );
      button.addEventListener("click", act);
      return button;
    };
    this.player = new FramePlayer(id, labels, (index) => this.tellGroup(index));
    this.card = new PlotCard({
      testId: `figure-${id}`,
      labels,
      locale,
      onChange: () => this.draw(),
      head: [
        this.heading,
        make("div", { class: "dqn-tools" }, tool("csv", () => this.saveTable()), tool("png", () => this.savePicture())),
      ],
      between: [this.hint, this.player.element],
    });
    const attributes = { class: "dqn-live dqn-figure", role: "figure", "aria-labelledby": `dqn-heading-${id}` };
    this.root = make("div", attributes, this.card.element);
    this.parent.append(this.root);
    this.follow = (/** @type {Event} */ event) => {
      const { detail } = /** @type {CustomEvent<{group: string, index: number}>} */ (event);
      if (detail.group !== this.data.group || detail.index === this.player.index) return;
      this.player.pause();
      this.player.show(Math.min(detail.index, this.player.names.length - 1));
      this.draw();
    };
    window.addEventListener(FRAME_EVENT, this.follow);
  }

  /** @param {FigureData} data */
  static identityOf({ id }) {
    return id;
  }

  /**
   * What Python rendered: the figure, its texts, the page's colours.
   * @param {FigureData} data
   */
  accept(data) {
    const isFirst = this.figure === null;
    const isNew = isFirst || JSON.stringify(data.figure) !== JSON.stringify(this.data.figure);
    const wasAtEnd = isFirst || this.player.index >= this.player.names.length - 1;
    const isOtherFrames = isFirst || JSON.stringify(data.frames) !== JSON.stringify(this.data.frames);
    this.data = data;
    if (isNew) this.figure = unpacked(data.figure);
    if (isOtherFrames) this.frames = unpacked(data.frames);
    this.formats = makeFormats(data.locale);
    const theme = readTheme(this.root, data.palette);
    this.theme = { ...theme, series: data.series[theme.isDark ? "dark" : "light"] };
    setText(this.heading, data.title);
    setText(this.hint, data.hint.replaceAll(" %", "\u00a0%")); // No line ends between a number and its sign.
    this.hint.hidden = data.hint === "";
    this.card.box.style.height = `${data.height}px`;
    const leastWidth = data.figure.layout.meta?.least_width ?? 0;
    this.card.plot.style.minWidth = `${leastWidth}px`;
    this.card.box.classList.toggle("dqn-scrolls", leastWidth > 0);
    setAttribute(this.root, "lang", data.locale);
    if (isOtherFrames) {
      const names = data.frames.map((frame) => frame.name);
      const last = Math.max(0, names.length - 1);
      this.player.accept(names, wasAtEnd ? last : Math.min(this.player.index, last));
    }
    this.draw();
  }

  /**
   * Shows the frame that the player has moved to, here and in the figures that go along.
   * @param {number} index
   */
  tellGroup(index) {
    this.draw();
    const { group } = this.data;
    if (group) window.dispatchEvent(new CustomEvent(FRAME_EVENT, { detail: { group, index } }));
  }

  draw() {
    const { figure, theme } = this;
    if (!this.card.isReady || figure === null || theme === null) return;
    const traces = tracesAt(figure, this.frames, this.player.index);
    const painted = traces.map((trace) => paintedTrace(trace, theme, this.data.scales));
    this.card.draw(painted, figureLayout(figure.layout, theme, this.formats));
    const said = [this.data.title, this.player.names[this.player.index], this.data.summary];
    setAttribute(this.card.plot, "aria-label", said.filter(Boolean).join(". "));
    setAttribute(this.root, "data-frame", String(this.player.index));
    const { box } = this.card;
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; // The arrow keys scroll it.
    else box.removeAttribute("tabindex");
  }

  get fileName() {
    const name = this.frames.length > 1 ? `-${this.player.names[this.player.index]}` : "";
    return `${this.data.file_name}${name}`.replaceAll(/[^\p{L}\p{N}.-]+/gu, "-");
  }

  saveTable() {
    if (this.figure === null) return;
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
    const name = this.frames.length > 1 ? ` · ${this.player.names[this.player.index]}` : "";
    this.card.savePicture({ fileName: this.fileName, title: `${this.data.title}${name}`, head: PICTURE_HEAD_PX });
  }

  dispose() {
    this.player.dispose();
    window.removeEventListener(FRAME_EVENT, this.follow);
    this.card.dispose();
    this.root.remove();
  }
}
