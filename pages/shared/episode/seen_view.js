// What the network sees of a state that is a picture, tile by tile, and how much its choice hangs on each point.

import { fill, make, setAttribute, setText } from "../browser/format.js";
import { SeenTiles } from "./seen_tiles.js";

/** @typedef {import("../browser/format.js").Labels} Labels */
/** @typedef {import("./pictures.js").Pictures} Pictures */
/** @typedef {import("./seen_tiles.js").Layout} Layout */

/** The tiles with their heading, and a button that asks for the saliency. */
export class SeenCard {
  /**
   * @param {object} options
   * @param {Layout} options.layout
   * @param {Labels} options.labels
   * @param {() => void} options.onToggle
   */
  constructor({ layout, labels, onToggle }) {
    this.isImportantShown = false;
    this.tiles = new SeenTiles(layout);
    this.button = make(
      "button",
      { type: "button", class: "dqn-seen-button", "aria-pressed": "false", "data-testid": "saliency" },
      labels.saliency,
    );
    this.button.addEventListener("click", () => {
      this.isImportantShown = !this.isImportantShown;
      setAttribute(this.button, "aria-pressed", String(this.isImportantShown));
      onToggle();
    });
    this.note = make("p", { class: "dqn-explanation", role: "status", "data-testid": "seen-note" });
    this.note.hidden = true;
    this.element = make(
      "section",
      { class: "dqn-card dqn-seen-card", "data-testid": "seen" },
      make("div", { class: "dqn-card-head" }, make("h2", {}, labels.seen), this.button),
      this.tiles.element,
      this.note,
    );
  }

  /** @param {string} text Empty for none. */
  say(text) {
    this.note.hidden = text === "";
    if (text !== "") setText(this.note, text);
  }
}

/** What the network sees of an episode that is over. */
export class SeenView {
  /**
   * `load(name)` begins to load the pictures "seen" or "important"; null where there will be none of these.
   * @param {object} options
   * @param {Layout} options.layout
   * @param {Labels} options.labels
   * @param {import("../browser/format.js").Formats} options.formats
   * @param {(name: "seen" | "important") => Pictures | null} options.load
   * @param {() => void} options.onChange
   */
  constructor({ layout, labels, formats, load, onChange }) {
    this.labels = labels;
    this.formats = formats;
    this.load = load;
    this.onChange = onChange;
    /** @type {Pictures | null} */
    this.seen = load("seen");
    /** @type {Pictures | null} */
    this.important = null;
    this.shown = "";
    this.card = new SeenCard({ layout, labels, onToggle: () => this.toggled() });
  }

  get element() {
    return this.card.element;
  }

  toggled() {
    if (this.card.isImportantShown && this.important === null) this.important = this.load("important");
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
    const { isImportantShown } = this.card;
    if (seen === null || seen.length === 0) return;
    const isCut = seen.isComplete && step >= seen.length;
    const wanted = Math.min(step, seen.length - 1);
    const found = pick(seen, wanted, stride);
    const matters = isImportantShown && important !== null ? pick(important, wanted, stride) : null;
    if (found !== null) this.draw(found, matters !== null && matters[0] === found[0] ? matters : null);
    const help = important === null ? labels.saliency_missing : labels.saliency_help;
    if (isCut) this.card.say(fill(labels.pictures_end, { n: this.formats.integer(seen.length - 1) }));
    else this.card.say(isImportantShown ? help : "");
  }

  /**
   * @param {[number, ImageBitmap]} found
   * @param {[number, ImageBitmap] | null} matters
   */
  draw([number, bitmap], matters) {
    const key = `${number} ${matters !== null}`;
    if (this.shown === key) return;
    this.shown = key;
    this.card.tiles.draw(number, bitmap, matters && matters[1]);
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
