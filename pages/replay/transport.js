// What moves the replay: the scrub bar with the return so far, the buttons, the keyboard.

import { DASH, fill, make, setAttribute, setText } from "../shared/browser/format.js";
import { iconButton, PlayButton, SPEEDS } from "../shared/episode/player.js";
import { isShortcutOf } from "../shared/browser/shortcuts.js";
import { Curves } from "./curves.js";

const MANY = 10; // States that Shift and an arrow go.

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/format.js").Formats} Formats */
/**
 * @typedef {object} Recorded Pictures are in base64; what was not loaded is missing.
 * @property {import("../shared/episode/episode.js").EpisodeNumbers} numbers
 * @property {string[]} pictures
 * @property {string[]} [seen]
 * @property {string[]} [important]
 */
/**
 * @typedef {object} Side One of the episodes shown.
 * @property {string} title
 * @property {string} detail
 * @property {string} url
 * @property {[string, string][]} [facts] What a saved page says of it.
 * @property {Recorded} [recorded] In a saved page,
 *   where nothing is fetched: its numbers, and its pictures in base64.
 */

class ScrubBar extends Curves {
  /** @param {{labels: Labels, formats: Formats, onSeek: import("./curves.js").OnSeek}} options */
  constructor({ labels, formats, onSeek }) {
    super({ className: "dqn-scrub", onSeek, formats });
    this.labels = labels;
    this.loaded = make("div", { class: "dqn-scrub-loaded", "aria-hidden": "true" });
    this.plot.append(this.loaded);
    for (const [name, value] of Object.entries({
      role: "slider",
      tabindex: "0",
      "aria-label": labels.scrub,
      "aria-valuemin": "0",
      "data-testid": "scrub",
    })) {
      this.plot.setAttribute(name, value);
    }
  }

  /**
   * @param {number} step
   * @param {string} returns The return so far, of each side.
   * @param {number} share Of the pictures that have come.
   */
  show(step, returns, share) {
    this.moveTo(step);
    this.loaded.style.transform = `scaleX(${share})`;
    this.loaded.hidden = share >= 1;
    setAttribute(this.plot, "aria-valuemax", String(this.last));
    setAttribute(this.plot, "aria-valuenow", String(step));
    const said = { n: this.formats.integer(step), total: this.formats.integer(this.last), score: returns };
    setAttribute(this.plot, "aria-valuetext", fill(this.labels.scrub_value, said));
  }
}

/**
 * @typedef {object} TransportOptions
 * @property {Labels} labels
 * @property {Formats} formats
 * @property {import("../shared/episode/player.js").Clock} clock
 * @property {Side[]} sides
 * @property {() => void} onFullScreen
 */

export class Transport {
  /** @param {TransportOptions} options */
  constructor({ labels, formats, clock, sides, onFullScreen }) {
    this.labels = labels;
    this.formats = formats;
    this.clock = clock;
    this.sides = sides;
    this.wasPlaying = false;
    this.scrub = new ScrubBar({ labels, formats, onSeek: (step, phase) => this.scrubTo(step, phase) });
    this.playButton = new PlayButton({ clock, labels, testId: "play" });
    this.repeat = this.button("repeat", labels.repeat, () => clock.toggleRepeating());
    this.position = make("span", { class: "dqn-position", "data-testid": "position" }, DASH);
    this.time = make("span", { class: "dqn-time" });
    this.speeds = SPEEDS.map((speed) => {
      const button = make("button", { type: "button", class: "dqn-speed" }, fill(labels.speed_n, { n: speed }));
      button.addEventListener("click", () => clock.setSpeed(speed));
      return button;
    });
    this.element = make(
      "section",
      { class: "dqn-card dqn-transport", "aria-label": labels.controls },
      make(
        "div",
        { class: "dqn-buttons" },
        make(
          "div",
          { class: "dqn-button-group" },
          this.button("first", labels.first, () => clock.move(-Infinity)),
          this.button("back", labels.back, () => clock.move(-1)),
          this.playButton.element,
          this.button("forward", labels.forward, () => clock.move(1)),
          this.button("last", labels.last, () => clock.move(Infinity)),
        ),
        make(
          "div",
          { class: "dqn-button-group" },
          make("div", { class: "dqn-speeds", role: "group", "aria-label": labels.speed }, ...this.speeds),
          this.repeat,
          document.fullscreenEnabled ? this.button("full", labels.full_screen, onFullScreen) : null,
        ),
      ),
      make(
        "div",
        { class: "dqn-card-head" },
        make("h2", {}, labels.return_so_far),
        this.legend(),
        make("div", { class: "dqn-where" }, this.position, this.time),
      ),
      this.scrub.element,
      make("p", { class: "dqn-keys" }, ...keyHints(labels)),
    );
    this.whenKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
    document.addEventListener("keydown", this.whenKey);
  }

  /** Which curve is whose, where there are two. */
  legend() {
    if (this.sides.length === 1) return null;
    const names = ["first", "second"];
    const keys = this.sides.map(({ title, detail }, i) =>
      make("span", { class: `dqn-key dqn-key-${names[i]}` }, `${title} · ${detail}`),
    );
    return make("div", { class: "dqn-key-list" }, ...keys);
  }

  /**
   * @param {import("../shared/episode/player.js").IconName} name
   * @param {string} label
   * @param {() => void} onPress
   */
  button(name, label, onPress) {
    return iconButton({ icon: name, label, testId: name, onPress });
  }

  /**
   * A drag holds a replay that plays, and lets it go on from where it ends.
   * @param {number} step
   * @param {import("./curves.js").Phase} phase
   */
  scrubTo(step, phase) {
    if (phase === "start") {
      this.wasPlaying = this.clock.isPlaying;
      this.clock.pause();
    }
    this.clock.seek(step);
    if (phase === "end" && this.wasPlaying) this.clock.play();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const act = this.actionOf(event);
    if (act === null || !isForUs(event) || !isShortcutOf(event, this.element.closest(".dqn-live"))) return;
    event.preventDefault();
    act();
  }

  /** @param {KeyboardEvent} event */
  actionOf({ key, shiftKey, ctrlKey, altKey, metaKey }) {
    if (ctrlKey || altKey || metaKey) return null;
    const { clock } = this;
    /** @type {Record<string, () => void>} */
    const actions = {
      " ": () => clock.toggle(),
      ArrowLeft: () => clock.move(shiftKey ? -MANY : -1),
      ArrowRight: () => clock.move(shiftKey ? MANY : 1),
      Home: () => clock.move(-Infinity),
      End: () => clock.move(Infinity),
      "-": () => clock.changeSpeed(-1),
      "+": () => clock.changeSpeed(1),
      "=": () => clock.changeSpeed(1), // the key of the plus without Shift
    };
    return actions[key] ?? null;
  }

  /**
   * @param {number} step
   * @param {string} returns
   * @param {number} share
   */
  show(step, returns, share) {
    const { clock, labels, formats } = this;
    this.scrub.show(step, returns, share);
    this.playButton.show();
    setText(this.position, fill(labels.position, { n: formats.integer(step), total: formats.integer(clock.last) }));
    setText(this.time, `${formats.score(step / clock.framesPerS)} s`);
    SPEEDS.forEach((speed, i) => setAttribute(this.speeds[i], "aria-pressed", String(speed === clock.speed)));
    setAttribute(this.repeat, "aria-pressed", String(clock.isRepeating));
  }

  dispose() {
    document.removeEventListener("keydown", this.whenKey);
  }
}

/**
 * Whether a key was pressed for the replay: not while somebody types or chooses, and Space not to press a button.
 * @param {KeyboardEvent} event
 */
function isForUs({ target, key }) {
  if (!(target instanceof Element)) return true;
  if (key === " " && target.closest("button, a, [type=checkbox], [role=button], summary")) return false;
  if (target.closest(".dqn-replay, button, a, [type=checkbox]")) return true;
  return !target.closest("input, textarea, select, [contenteditable], [role]:not([role=main])");
}

/**
 * The help line, its keys drawn as keys: "[Space] play or pause".
 * @param {Labels} labels
 */
function keyHints(labels) {
  const hints = ["keys_play", "keys_step", "keys_many", "keys_ends", "keys_speed"];
  return hints.map((name) => {
    const parts = labels[name].split(/\[([^\]]+)\]/);
    const hint = make("span", {});
    parts.forEach((part, i) => hint.append(i % 2 ? make("kbd", {}, part) : part));
    return hint;
  });
}
