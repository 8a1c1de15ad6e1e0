// One figure: heading, tools, plot, and a player where it has frames.

import { make, makeFormats, setAttribute, setText } from "../format.js";
import { PlotCard } from "../plot_card.js";
import { readTheme } from "../plot_theme.js";
import { csvText, tableOf, tracesAt, unpacked } from "./figure_data.js";
import { FramePlayer } from "./figure_player.js";
import { figureLayout, paintedTrace } from "./figure_theme.js";

const FRAME_EVENT = "dqn-lab-frame";
const PICTURE_HEAD_PX = 40;

export default class FigureCard {
  constructor(parent, data) {
    this.parent = parent;
    this.id = data.id;
    this.build(data);
    this.follow = ({ detail }) => {
      if (detail.group !== this.data.group || detail.index === this.player.index) return;
      this.player.pause();
      this.player.show(Math.min(detail.index, this.player.names.length - 1));
      this.draw();
    };
    window.addEventListener(FRAME_EVENT, this.follow);
  }

  static identityOf({ id }) {
    return id;
  }

  build({ labels, locale }) {
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
    this.player = new FramePlayer(id, labels, (index) => this.tellGroup(index));
    this.card = new PlotCard({
      testId: `figure-${id}`,
      labels,
      locale,
      onChange: () => this.draw(),
      plot: { role: "img" },
      head: [
        this.heading,
        make("div", { class: "dqn-tools" }, tool("csv", () => this.saveTable()), tool("png", () => this.savePicture())),
      ],
      between: [this.hint, this.player.element],
    });
    const attributes = { class: "dqn-live dqn-figure", "aria-labelledby": `dqn-heading-${id}` };
    this.root = make("section", attributes, this.card.element);
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
    this.card.box.style.height = `${data.height}px`;
    setAttribute(this.root, "lang", data.locale);
    if (isOtherFrames) {
      const names = data.frames.map((frame) => frame.name);
      this.player.accept(names, wasAtEnd ? Math.max(0, names.length - 1) : Math.min(this.player.index, names.length - 1));
    }
    this.draw();
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
    if (!this.card.isReady) return;
    this.card.draw(this.traces(), figureLayout(this.figure.layout, this.theme, this.formats));
    const said = [this.data.title, this.player.names[this.player.index], this.data.summary];
    setAttribute(this.card.plot, "aria-label", said.filter(Boolean).join(". "));
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
