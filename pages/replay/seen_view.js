// What the network sees of a state that is a picture, tile by tile, and how much its choice hangs on each point.

import { fill, make, setAttribute, setText } from "../shared/format.js";

/** @typedef {import("../shared/format.js").Labels} Labels */
/** @typedef {import("../shared/pictures.js").Pictures} Pictures */
/**
 * @typedef {object} Layout How an observation is a picture.
 * @property {number} height
 * @property {number} width
 * @property {{name: string, color: string}[]} tiles
 * @property {boolean} is_small Whether each point is to be seen.
 */

const DIMMED = 0.6; // What is seen, below what matters.

export class SeenView {
  /**
   * `load(name)` begins to load the pictures "seen" or "important"; null where there will be none of these.
   * @param {object} options
   * @param {Layout} options.layout
   * @param {Labels} options.labels
   * @param {import("../shared/format.js").Formats} options.formats
   * @param {(name: "seen" | "important") => Pictures | null} options.load
   * @param {() => void} options.onChange
   */
  constructor({ layout, labels, formats, load, onChange }) {
    this.layout = layout;
    this.labels = labels;
    this.formats = formats;
    this.load = load;
    this.onChange = onChange;
    /** @type {Pictures | null} */
    this.seen = load("seen");
    /** @type {Pictures | null} */
    this.important = null;
    this.isImportantShown = false;
    this.shown = "";
    this.tiles = layout.tiles.map(({ name, color }, i) => {
      const canvas = make("canvas", {
        width: String(layout.width),
        height: String(layout.height),
        role: "img",
        "aria-label": name,
        "data-testid": `seen-${i}`,
      });
      const chip = color ? [make("span", { class: "dqn-seen-chip", style: `background: ${color}`, "aria-hidden": "true" })] : [];
      const element = make("figure", { class: "dqn-seen-tile" }, canvas, make("figcaption", {}, ...chip, name));
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      return { canvas, context, element };
    });
    this.button = make(
      "button",
      { type: "button", class: "dqn-seen-button", "aria-pressed": "false", "data-testid": "saliency" },
      labels.saliency,
    );
    this.button.addEventListener("click", () => this.toggle());
    this.note = make("p", { class: "dqn-explanation", role: "status", "data-testid": "seen-note" });
    this.note.hidden = true;
    this.element = make(
      "section",
      { class: "dqn-card dqn-seen-card", "data-testid": "seen" },
      make("div", { class: "dqn-card-head" }, make("h2", {}, labels.seen), this.button),
      make(
        "div",
        { class: "dqn-seen-tiles", "data-small": String(layout.is_small), "data-tiles": String(layout.tiles.length) },
        ...this.tiles.map((tile) => tile.element),
      ),
      this.note,
    );
  }

  toggle() {
    this.isImportantShown = !this.isImportantShown;
    if (this.isImportantShown && this.important === null) this.important = this.load("important");
    setAttribute(this.button, "aria-pressed", String(this.isImportantShown));
    this.onChange();
  }

  /** Whether all of what is seen has come. */
  get isReady() {
    return this.seen === null || this.seen.isComplete;
  }

  /** What a page that is saved needs. */
  get streams() {
    return { seen: this.seen, important: this.important };
  }

  /**
   * @param {number} step
   * @param {number} stride States from one picture to the next while it plays; 0 while it stands still.
   */
  show(step, stride) {
    const { seen, important, labels } = this;
    if (seen === null || seen.length === 0) return;
    const isCut = seen.isComplete && step >= seen.length;
    const wanted = Math.min(step, seen.length - 1);
    const found = pick(seen, wanted, stride);
    const matters = this.isImportantShown && important !== null ? pick(important, wanted, stride) : null;
    if (found !== null) this.draw(found, matters !== null && matters[0] === found[0] ? matters : null);
    this.note.hidden = !isCut && !this.isImportantShown;
    if (isCut) setText(this.note, fill(labels.pictures_end, { n: this.formats.integer(seen.length - 1) }));
    else if (this.isImportantShown) setText(this.note, important === null ? labels.saliency_missing : labels.saliency_help);
  }

  /**
   * @param {[number, ImageBitmap]} found
   * @param {[number, ImageBitmap] | null} matters
   */
  draw([number, bitmap], matters) {
    const key = `${number} ${matters !== null}`;
    if (this.shown === key) return;
    this.shown = key;
    const { width, height } = this.layout;
    this.tiles.forEach(({ canvas, context }, i) => {
      const place = /** @type {const} */ ([i * width, 0, width, height, 0, 0, width, height]);
      context.globalCompositeOperation = "source-over";
      context.clearRect(0, 0, width, height);
      context.globalAlpha = matters === null ? 1 : DIMMED;
      context.drawImage(bitmap, ...place);
      context.globalAlpha = 1;
      if (matters !== null) {
        context.globalCompositeOperation = "lighter";
        context.drawImage(matters[1], ...place);
      }
      canvas.dataset.state = String(number);
    });
  }

  dispose() {
    this.seen?.dispose();
    this.important?.dispose();
  }
}

/**
 * @param {Pictures} pictures
 * @param {number} index
 * @param {number} stride
 */
function pick(pictures, index, stride) {
  return stride > 0 ? pictures.getLatest(index, stride) : pictures.get(index, 1);
}
