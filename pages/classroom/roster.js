// The members of a class, for its teacher: hands first, and what can be done with each.

import { make, setText } from "../shared/browser/format.js";
import { handIcon } from "../shared/browser/hand_icon.js";
import { follow } from "../shared/browser/live_socket.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {"lower" | "rename" | "remove" | "let_in"} Action */
/**
 * @typedef {object} Entry What the server says of one member.
 * @property {string} member
 * @property {string} nickname
 * @property {boolean} hand
 * @property {boolean} removed
 */
/**
 * @typedef {object} RosterData What Python hands over.
 * @property {string} ticket
 * @property {Entry[]} members
 * @property {number} longest Characters of a nickname.
 * @property {string} locale
 * @property {Labels} labels
 */

/**
 * How many are there, and how many hands are up.
 * @param {Entry[]} entries
 */
export function counts(entries) {
  const present = entries.filter((entry) => !entry.removed);
  return { members: present.length, hands: present.filter((entry) => entry.hand).length };
}

export default class Roster {
  /**
   * @param {HTMLElement} parent
   * @param {RosterData} data
   */
  constructor(parent, data) {
    this.data = data;
    /** @type {import("../shared/browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    this.shown = "";
    this.edited = ""; // The member whose nickname is being typed.
    this.summary = make("p", { class: "dqn-roster-summary", role: "status", "data-testid": "roster-summary" });
    this.list = make("ul", { class: "dqn-roster" });
    const { labels, locale } = data;
    this.root = make("section", { class: "dqn-live", lang: locale, "aria-label": labels.title }, this.summary, this.list);
    parent.append(this.root);
    this.unfollow = follow({
      topic: "roster",
      parameters: { ticket: data.ticket },
      language: locale,
      onData: (members) => this.show(members),
    });
  }

  /** @param {RosterData} data */
  static identityOf({ locale, ticket }) {
    return JSON.stringify([locale, ticket]);
  }

  /**
   * @param {RosterData} data
   * @param {import("../shared/browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    this.show(data.members);
  }

  /** @param {Entry[]} members */
  show(members) {
    this.members = members;
    const { labels } = this.data;
    const { members: count, hands } = counts(members);
    const template = hands > 0 ? labels.summary_hands : labels.summary;
    setText(this.summary, template.replace("{count}", String(count)).replace("{hands}", String(hands)));
    const wanted = JSON.stringify([members, this.edited]);
    if (wanted === this.shown) return;
    if (this.edited && members.some((each) => each.member === this.edited) && this.list.querySelector("input")) return;
    this.shown = wanted;
    this.list.replaceChildren(...members.map((entry) => this.row(entry)));
  }

  /** @param {Entry} entry */
  row(entry) {
    const { labels } = this.data;
    const row = make("li", { class: "dqn-roster-row", "data-testid": "member" });
    if (entry.member === this.edited) {
      row.append(this.form(entry));
      return row;
    }
    const name = make("span", { class: "dqn-roster-name", "data-testid": "member-name" }, entry.nickname);
    const named = (/** @type {string} */ label) => `${label}: ${entry.nickname}`;
    const buttons = make("span", { class: "dqn-roster-buttons" });
    if (entry.removed) {
      row.classList.add("dqn-roster-removed");
      name.append(make("small", {}, ` (${labels.removed})`));
      buttons.append(this.button(labels.let_in, named(labels.let_in), () => this.act(entry, "let_in")));
    } else {
      if (entry.hand) {
        row.classList.add("dqn-roster-hand");
        const button = this.button(labels.lower, named(labels.lower), () => this.act(entry, "lower"));
        button.setAttribute("data-testid", "member-hand");
        button.prepend(handIcon());
        buttons.append(button);
      }
      buttons.append(
        this.button(labels.rename, named(labels.rename), () => this.edit(entry.member)),
        this.button(labels.remove, named(labels.remove), () => this.act(entry, "remove"), "dqn-danger"),
      );
    }
    row.append(name, buttons);
    return row;
  }

  /** @param {Entry} entry */
  form(entry) {
    const { labels, longest } = this.data;
    const field = make("input", { type: "text", "aria-label": labels.nickname, maxlength: String(longest), autocomplete: "off" });
    field.value = entry.nickname;
    const save = make("button", { type: "submit", class: "dqn-button" }, labels.save);
    const cancel = this.button(labels.cancel, labels.cancel, () => this.edit(""));
    const form = make("form", { class: "dqn-roster-form" }, field, save, cancel);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const nickname = field.value;
      this.edit("");
      this.act(entry, "rename", nickname);
    });
    queueMicrotask(() => field.focus());
    return form;
  }

  /** @param {string} member */
  edit(member) {
    this.edited = member;
    this.list.replaceChildren();
    this.show(this.members ?? []);
  }

  /**
   * @param {string} text
   * @param {string} spoken
   * @param {() => void} onPress
   * @param {string} [more]
   */
  button(text, spoken, onPress, more = "") {
    const button = make("button", { type: "button", class: `dqn-button ${more}`.trim(), "aria-label": spoken }, text);
    button.addEventListener("click", onPress);
    return button;
  }

  /**
   * @param {Entry} entry
   * @param {Action} action
   * @param {string} [nickname]
   */
  act({ member }, action, nickname = "") {
    this.setTriggerValue("action", { member, action, nickname });
  }

  dispose() {
    this.unfollow();
    this.root.remove();
  }
}
