// What the network sees of a state that is a picture: a tile for each channel or frame, above its name.

import { make } from "../browser/format.js";

/**
 * @typedef {object} Layout How an observation is a picture.
 * @property {number} height
 * @property {number} width
 * @property {{name: string, color: string}[]} tiles
 * @property {boolean} is_small Whether each point is to be seen.
 */

const DIMMED = 0.6; // What is seen, below what matters.

export class SeenTiles {
  /** @param {Layout} layout */
  constructor(layout) {
    this.layout = layout;
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
    this.element = make(
      "div",
      { class: "dqn-seen-tiles", "data-small": String(layout.is_small), "data-tiles": String(layout.tiles.length) },
      ...this.tiles.map((tile) => tile.element),
    );
  }

  /**
   * Draws state number `state`, its tiles side by side in `bitmap`, and what `matters` in the same places.
   * @param {number} state
   * @param {ImageBitmap | HTMLImageElement} bitmap
   * @param {ImageBitmap | HTMLImageElement | null} [matters]
   */
  draw(state, bitmap, matters = null) {
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
        context.drawImage(matters, ...place);
      }
      canvas.dataset.state = String(state);
    });
  }
}
