// A slider over a figure's frames, and a button that plays them.

import { make, setAttribute, setText } from "../format.js";

const FRAME_MS = 650;

export class FramePlayer {
  /** `onMove` is called with a frame's number whenever another is to be shown. */
  constructor(id, labels, onMove) {
    this.labels = labels;
    this.onMove = onMove;
    this.names = [];
    this.slider = make("input", { type: "range", min: "0", step: "1", "aria-label": labels.moment, "data-testid": `frames-${id}` });
    this.button = make("button", { type: "button", class: "dqn-play", "data-testid": `play-${id}` });
    this.name = make("output", { class: "dqn-frame-name", "data-testid": `frame-name-${id}` });
    this.element = make("div", { class: "dqn-player" }, this.button, this.slider, this.name);
    this.slider.addEventListener("input", () => {
      this.pause();
      this.moveTo(Number(this.slider.value));
    });
    this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    this.showButton();
  }

  /** Takes other frames, by name; stays where it is, where that is one of them still. */
  accept(names, index) {
    this.names = names;
    setAttribute(this.slider, "max", String(names.length - 1));
    this.element.hidden = names.length < 2;
    this.show(index);
  }

  show(index) {
    this.index = index;
    this.slider.value = String(index);
    setAttribute(this.slider, "aria-valuetext", this.names[index] ?? "");
    setText(this.name, this.names[index] ?? "");
  }

  moveTo(index) {
    this.show(index);
    this.onMove(index);
  }

  play() {
    if (this.index >= this.names.length - 1) this.moveTo(0);
    this.timer = setInterval(() => {
      this.moveTo(this.index + 1);
      if (this.index >= this.names.length - 1) this.pause();
    }, FRAME_MS);
    this.showButton();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.showButton();
  }

  showButton() {
    const isPlaying = this.timer !== undefined;
    setText(this.button, isPlaying ? "❚❚" : "►");
    setAttribute(this.button, "aria-label", isPlaying ? this.labels.pause : this.labels.play);
    setAttribute(this.button, "title", isPlaying ? this.labels.pause : this.labels.play);
  }

  dispose() {
    this.pause();
  }
}
