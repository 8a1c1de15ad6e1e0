// A slider over a figure's frames, and a button that plays them.

import { make, setAttribute, setText } from "../browser/format.js";
import { Clock, PlayButton } from "../episode/player.js";

const FRAME_MS = 650;

export class FramePlayer {
  /**
   * `onMove` is called with a frame's number whenever another is to be shown.
   * @param {string} id
   * @param {import("../browser/format.js").Labels} labels
   * @param {(index: number) => void} onMove
   */
  constructor(id, labels, onMove) {
    this.onMove = onMove;
    /** @type {string[]} */
    this.names = [];
    this.index = 0;
    this.clock = new Clock({ limit: () => Infinity, onMove: () => this.follow() });
    this.clock.framesPerS = 1000 / FRAME_MS;
    this.button = new PlayButton({ clock: this.clock, labels, testId: `play-${id}` });
    const attributes = { type: "range", min: "0", step: "1", "aria-label": labels.snapshot, "data-testid": `frames-${id}` };
    this.slider = make("input", attributes);
    this.slider.addEventListener("input", () => {
      this.clock.pause();
      this.clock.seek(Number(this.slider.value));
    });
    this.name = make("output", { class: "dqn-frame-name", "data-testid": `frame-name-${id}` });
    this.element = make("div", { class: "dqn-player" }, this.button.element, this.slider, this.name);
  }

  /**
   * Takes other frames, by name, and shows one of them.
   * @param {string[]} names
   * @param {number} index
   */
  accept(names, index) {
    this.names = names;
    this.clock.last = Math.max(0, names.length - 1);
    setAttribute(this.slider, "max", String(this.clock.last));
    this.element.hidden = names.length < 2;
    this.show(index);
  }

  /**
   * Stands at a frame, without a call of `onMove`.
   * @param {number} index
   */
  show(index) {
    this.index = index;
    this.clock.position = index;
    this.slider.value = String(index);
    setAttribute(this.slider, "aria-valuetext", this.names[index] ?? "");
    setText(this.name, this.names[index] ?? "");
  }

  pause() {
    this.clock.pause();
  }

  /** Shows where the clock went. */
  follow() {
    this.button.show();
    const { step, position } = this.clock;
    if (step === this.index) return;
    this.show(step);
    this.clock.position = position; // Part of the way to the next frame is behind it already.
    this.onMove(step);
  }

  dispose() {
    this.clock.dispose();
  }
}
