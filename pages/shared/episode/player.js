// What plays an episode or a figure's frames: a clock over its states, and the button that starts and stops it.

import { make, makeSvg, setAttribute } from "../browser/format.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const LONGEST_GAP_S = 0.25; // A page that stood still for longer goes on from where it was.

const ICONS = {
  first: "M6 5h2v14H6zM19 5v14l-9-7z",
  back: "M15 5v14l-9-7zM17 5h2v14h-2z",
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  forward: "M9 5v14l9-7zM5 5h2v14H5z",
  last: "M16 5h2v14h-2zM5 5v14l9-7z",
  repeat: "M7 7h10v3l4-4-4-4v3H5v6h2zM17 17H7v-3l-4 4 4 4v-3h12v-6h-2z",
  full: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * Where a player stands, and how it moves: at real time or a multiple of it, one state at a time, or by hand.
 */
export class Clock {
  /**
   * `limit()` is the last state that can be shown by now; `onMove()` is called at every change.
   * @param {{limit: () => number, onMove: () => void}} options
   */
  constructor({ limit, onMove }) {
    this.limit = limit;
    this.onMove = onMove;
    this.last = 0;
    this.framesPerS = 30;
    this.position = 0;
    this.speed = 1;
    this.isPlaying = false;
    this.isRepeating = false;
    this.request = 0;
    /** @type {number | null} */
    this.before = null;
    this.whenHidden = () => document.hidden && this.pause();
    document.addEventListener("visibilitychange", this.whenHidden);
  }

  get step() {
    return Math.floor(this.position);
  }

  /** States from one picture to the next at the present speed, on a screen of 60 pictures a second. */
  get stride() {
    return Math.max(1, Math.round((this.framesPerS * this.speed) / 60));
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.isPlaying || this.last === 0) return;
    if (this.step >= this.last) this.position = 0;
    this.isPlaying = true;
    this.before = null;
    this.request = requestAnimationFrame((now) => this.advance(now));
    this.onMove();
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    cancelAnimationFrame(this.request);
    this.position = this.step;
    this.onMove();
  }

  /**
   * To `step`, as far as there is one; a replay that plays goes on from there.
   * @param {number} step
   */
  seek(step) {
    this.position = Math.min(Math.max(0, Math.round(step)), this.last);
    this.onMove();
  }

  /**
   * By hand: stands still `count` states further.
   * @param {number} count
   */
  move(count) {
    this.pause();
    this.seek(this.step + count);
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.onMove();
  }

  /**
   * To the speed so many places further in the list, if there is one.
   * @param {number} by
   */
  changeSpeed(by) {
    const index = SPEEDS.indexOf(this.speed) + by;
    if (index in SPEEDS) this.setSpeed(SPEEDS[index]);
  }

  toggleRepeating() {
    this.isRepeating = !this.isRepeating;
    this.onMove();
  }

  /** @param {number} now */
  advance(now) {
    const seconds = this.before === null ? 0 : Math.min(LONGEST_GAP_S, (now - this.before) / 1000);
    this.before = now;
    const before = this.step;
    this.position = Math.min(this.position + seconds * this.framesPerS * this.speed, this.limit());
    if (this.position >= this.last) {
      if (!this.isRepeating) {
        this.position = this.last;
        this.pause();
        return;
      }
      this.position = 0;
    }
    if (this.step !== before) this.onMove();
    this.request = requestAnimationFrame((later) => this.advance(later));
  }

  dispose() {
    this.isPlaying = false;
    cancelAnimationFrame(this.request);
    document.removeEventListener("visibilitychange", this.whenHidden);
  }
}

/**
 * A button with a picture; `label` is what it is called.
 * @param {object} button
 * @param {IconName} button.icon
 * @param {string} button.label
 * @param {string} button.testId
 * @param {() => void} button.onPress
 */
export function iconButton({ icon, label, testId, onPress }) {
  const attributes = { type: "button", title: label, "aria-label": label, "data-testid": testId };
  const button = make("button", attributes, iconOf(icon));
  button.addEventListener("click", onPress);
  return button;
}

/** @param {IconName} name */
function iconOf(name) {
  const path = makeSvg("path", { d: ICONS[name] });
  return makeSvg("svg", { viewBox: "0 0 24 24", class: "dqn-icon", "aria-hidden": "true" }, path);
}

/** The button that starts and stops a clock. */
export class PlayButton {
  /** @param {{clock: Clock, labels: import("../browser/format.js").Labels, testId: string}} options */
  constructor({ clock, labels, testId }) {
    this.clock = clock;
    this.labels = labels;
    this.isShownPlaying = false;
    this.element = iconButton({ icon: "play", label: labels.play, testId, onPress: () => clock.toggle() });
    this.element.classList.add("dqn-play");
  }

  /** Follows the clock. */
  show() {
    const { isPlaying } = this.clock;
    if (isPlaying === this.isShownPlaying) return;
    this.isShownPlaying = isPlaying;
    this.element.replaceChildren(iconOf(isPlaying ? "pause" : "play"));
    const label = isPlaying ? this.labels.pause : this.labels.play;
    for (const name of ["title", "aria-label"]) setAttribute(this.element, name, label);
  }
}
