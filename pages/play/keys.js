// What the player holds: keys of a keyboard, and buttons under fingers. The one pressed last counts.

import { fill, make } from "../shared/browser/format.js";
import { isShortcutOf } from "../shared/browser/shortcuts.js";

export class Keys {
  /**
   * An action goes on after its key is released where they are sticky. `onAction(action)` hears of changes.
   * @param {object} options
   * @param {Record<string, number>} options.keys Action by a key's name.
   * @param {boolean} options.isSticky
   * @param {string[]} options.actionNames
   * @param {import("../shared/browser/format.js").Labels} options.labels
   * @param {(action: number | null) => void} options.onAction
   * @param {() => void} options.onEnter
   */
  constructor({ keys, isSticky, actionNames, labels, onAction, onEnter }) {
    this.keys = keys;
    this.isSticky = isSticky;
    this.onAction = onAction;
    this.onEnter = onEnter;
    /** @type {string[]} */
    this.held = [];
    /** @type {number | null} */
    this.action = null;
    /** @type {Map<string, HTMLElement>} */
    this.buttons = new Map();
    this.element = make("div", { class: "dqn-play-keys", role: "group", "aria-label": labels.keys });
    for (const [key, action] of Object.entries(keys)) {
      const name = actionNames[action] ?? fill(labels.action_n, { n: action });
      this.addButton(key, labels[`key_${key}`] ?? key, name);
    }
    this.whenDown = (/** @type {KeyboardEvent} */ event) => this.down(event);
    this.whenUp = (/** @type {KeyboardEvent} */ event) => this.release(event.key);
    this.whenLeft = () => [...this.held].forEach((key) => this.release(key));
    document.addEventListener("keydown", this.whenDown);
    document.addEventListener("keyup", this.whenUp);
    window.addEventListener("blur", this.whenLeft);
  }

  /**
   * @param {string} key
   * @param {string} sign
   * @param {string} name
   */
  addButton(key, sign, name) {
    const button = make(
      "button",
      { type: "button", "data-testid": `key-${key}` },
      make("kbd", {}, sign),
      make("span", {}, name),
    );
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.setPointerCapture(event.pointerId);
      this.hold(key);
    });
    for (const type of ["pointerup", "pointercancel"]) button.addEventListener(type, () => this.release(key));
    this.buttons.set(key, button);
    this.element.append(button);
  }

  /** Whether some keys are letters or digits, which count only while the game has the focus. */
  get needFocus() {
    return Object.keys(this.keys).some((key) => !isShortcutOf({ key, target: null }, null));
  }

  /** @param {KeyboardEvent} event */
  down(event) {
    const { key, target, ctrlKey, altKey, metaKey } = event;
    if (ctrlKey || altKey || metaKey) return;
    if (target instanceof Element && target.closest("input:not([type=checkbox]), textarea, [role=combobox], [role=listbox]")) return;
    if (key === "Enter" && !(target instanceof Element && target.closest("button, a"))) {
      this.onEnter();
    } else if (key in this.keys && isShortcutOf(event, this.element.closest(".dqn-live"))) {
      event.preventDefault();
      if (!event.repeat) this.hold(key);
    }
  }

  /** @param {string} key */
  hold(key) {
    this.held = [...this.held.filter((each) => each !== key), key];
    this.tell();
  }

  /** @param {string} key */
  release(key) {
    if (!this.held.includes(key)) return;
    this.held = this.held.filter((each) => each !== key);
    this.tell();
  }

  tell() {
    const key = this.held.at(-1);
    for (const [name, button] of this.buttons) button.classList.toggle("dqn-held", name === key);
    const action = key !== undefined ? this.keys[key] : this.isSticky ? this.action : null;
    if (action === this.action) return;
    this.action = action;
    this.onAction(action);
  }

  dispose() {
    document.removeEventListener("keydown", this.whenDown);
    document.removeEventListener("keyup", this.whenUp);
    window.removeEventListener("blur", this.whenLeft);
  }
}
