// The line of a class: its title, the member's nickname and hand, and what the teacher says. Followed, not drawn anew.

import { make, setAttribute, setText } from "../browser/format.js";
import { handIcon } from "../browser/hand_icon.js";
import { follow } from "../browser/live_socket.js";

/** @typedef {import("../browser/format.js").Labels} Labels */
/**
 * @typedef {object} ClassValues What the server says.
 * @property {boolean} is_in
 * @property {string} version Another where the page is to be drawn anew.
 * @property {string} title
 * @property {string} name The member's nickname, or what a teacher is told of the class.
 * @property {boolean | null} hand Whether it is up; null for a teacher.
 * @property {string} message
 * @property {string | null} look Address of what everyone is to look at.
 * @property {string} said_at When that was said.
 * @property {boolean} opens Whether the page goes there.
 */
/**
 * @typedef {object} StripData What Python hands over.
 * @property {string} class
 * @property {string} member
 * @property {ClassValues} values
 * @property {string} address
 * @property {string} locale
 * @property {Labels} labels
 */

const LONGEST_WAIT_MS = 2000; // Thirty pages are not drawn anew in the same moment.

/**
 * Whether the page is to go where the teacher says: once, when that is said.
 * @param {ClassValues} now
 * @param {ClassValues} drawn When the page was drawn.
 */
export function isCalled(now, drawn) {
  return now.opens && now.look !== null && now.said_at !== drawn.said_at;
}

export default class ClassStrip {
  /**
   * @param {HTMLElement} parent
   * @param {StripData} data
   */
  constructor(parent, data) {
    const { labels } = data;
    this.data = data;
    /** @type {import("../browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    this.isUp = false;
    this.title = make("a", { class: "dqn-class-title", href: data.address, target: "_self", "data-testid": "class-title" });
    this.nickname = make("span", { class: "dqn-class-nickname", "data-testid": "class-nickname" });
    this.hand = make("button", { type: "button", class: "dqn-button", "data-testid": "class-hand", "aria-pressed": "false" });
    this.handText = make("span");
    this.hand.append(handIcon(), this.handText);
    this.hand.addEventListener("click", () => this.setTriggerValue("hand", { up: !this.isUp }));
    this.message = make("span", { "data-testid": "class-message" });
    this.look = make("a", { class: "dqn-button", target: "_self", "data-testid": "class-look" }, labels.look);
    this.said = make("p", { class: "dqn-class-said", role: "status" }, this.message, this.look);
    this.root = make(
      "section",
      { class: "dqn-live dqn-class-strip", lang: data.locale, "aria-label": labels.region, "data-testid": "class-strip" },
      make("p", {}, this.title, " · ", this.nickname),
      this.hand,
      this.said,
    );
    parent.append(this.root);
    this.unfollow = follow({
      topic: "class",
      parameters: { class: data.class, member: data.member },
      language: data.locale,
      onData: (values) => this.hear(values),
    });
  }

  /** @param {StripData} data */
  static identityOf(data) {
    return JSON.stringify([data.class, data.member, data.locale, data.address]);
  }

  /**
   * @param {StripData} data
   * @param {import("../browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    const before = this.data.values;
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    this.show(data.values);
    if (isCalled(data.values, before)) window.location.assign(String(data.values.look));
  }

  /** @param {ClassValues} values */
  hear(values) {
    if (values.is_in) this.show(values);
    if (isCalled(values, this.data.values)) window.location.assign(String(values.look));
    else if (values.version !== this.data.values.version) this.redrawSoon(values.version);
  }

  /**
   * Has Python draw the page anew.
   * @param {string} version
   */
  redrawSoon(version) {
    this.waiting ??= setTimeout(() => {
      this.waiting = undefined;
      this.setTriggerValue("stale", version || "over");
    }, Math.random() * LONGEST_WAIT_MS);
  }

  /** @param {ClassValues} values */
  show(values) {
    const { labels } = this.data;
    this.isUp = values.hand === true;
    this.hand.hidden = values.hand === null;
    setAttribute(this.said, "aria-label", labels[values.hand === null ? "region" : "says"]);
    setText(this.title, values.title);
    setText(this.nickname, values.name);
    setText(this.handText, labels[this.isUp ? "lower" : "raise"]);
    setAttribute(this.hand, "aria-pressed", String(this.isUp));
    setText(this.message, values.message);
    this.look.hidden = !values.look;
    if (values.look) setAttribute(this.look, "href", values.look);
    this.said.hidden = !values.message && !values.look;
  }

  dispose() {
    clearTimeout(this.waiting);
    this.unfollow();
    this.root.remove();
  }
}
