// The list of experiments: a card each, with one bar for all its runs, followed without a run of the page's script.

import { make, setAttribute, setText } from "../shared/browser/format.js";
import { follow } from "../shared/browser/live_socket.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {"stop" | "resume" | "repeat" | "delete"} Action */
/**
 * @typedef {object} Progress Where an experiment stands: what the live socket brings.
 * @property {string} id
 * @property {string} name
 * @property {string} facts
 * @property {string} created When it was begun, ISO 8601.
 * @property {string} result What came of it so far.
 * @property {number} fraction Of it that is done.
 * @property {string} progress
 * @property {string} states
 * @property {boolean} active
 * @property {boolean} can_resume
 * @property {string} runs Ids, with commas between them.
 */
/** @typedef {Progress & {is_ours: boolean, owner: string}} Experiment With what the reader may do with it. */
/**
 * @typedef {object} ListData What Python hands over.
 * @property {Experiment[]} experiments
 * @property {string} locale
 * @property {Labels} labels
 */

class ExperimentCard {
  /**
   * @param {Labels} labels
   * @param {string} locale
   * @param {(action: Action) => void} onAction
   */
  constructor(labels, locale, onAction) {
    this.labels = labels;
    this.locale = locale;
    this.name = make("h2");
    this.owner = make("span", { class: "dqn-detail" });
    this.facts = make("p", { class: "dqn-detail" });
    this.fill = make("div", { class: "dqn-bar-fill" });
    this.bar = make("div", { class: "dqn-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
    this.percent = make("span", { class: "dqn-percent" });
    this.progress = make("span", { "data-testid": "experiment-progress" });
    this.states = make("span", { class: "dqn-detail" });
    this.result = make("p", { "data-testid": "experiment-result" });
    this.compare = make("a", { class: "dqn-button" }, labels.compare);
    this.buttons = {
      stop: this.button("stop", onAction),
      resume: this.button("resume", onAction),
      repeat: this.button("repeat", onAction),
      delete: this.button("delete", onAction),
    };
    this.element = make(
      "li",
      { class: "dqn-card", "data-testid": "experiment" },
      make("div", { class: "dqn-card-head" }, this.name, this.owner),
      this.facts,
      make("div", { class: "dqn-progress" }, this.bar, this.percent),
      make("p", { class: "dqn-experiment-state" }, this.progress, this.states),
      this.result,
      make("div", { class: "dqn-experiment-buttons" }, this.compare, ...Object.values(this.buttons)),
    );
  }

  /**
   * In the reader's language and time zone.
   * @param {string} moment
   */
  timeText(moment) {
    const options = /** @type {const} */ ({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    return new Intl.DateTimeFormat(this.locale, { ...options, hour12: false }).format(new Date(moment));
  }

  /**
   * @param {Action} action
   * @param {(action: Action) => void} onAction
   */
  button(action, onAction) {
    const danger = action === "delete" ? " dqn-danger" : "";
    const button = make("button", { type: "button", class: `dqn-button${danger}` }, this.labels[action]);
    button.addEventListener("click", () => {
      const isSure = action !== "delete" || button.dataset.asked === "yes";
      if (!isSure) return this.ask(button);
      this.unask(button);
      return onAction(action);
    });
    button.addEventListener("blur", () => this.unask(button));
    return button;
  }

  /**
   * What cannot be undone takes a second press of the same button.
   * @param {HTMLButtonElement} button
   */
  ask(button) {
    button.dataset.asked = "yes";
    setText(button, this.labels.really_delete);
  }

  /** @param {HTMLButtonElement} button */
  unask(button) {
    if (button.dataset.asked !== "yes") return;
    delete button.dataset.asked;
    setText(button, this.labels.delete);
  }

  /**
   * @param {Experiment} card
   * @param {(card: Experiment) => string} address Of the page that compares its runs.
   */
  show(card, address) {
    const percent = `${Math.floor(100 * card.fraction)}`;
    setText(this.name, card.name);
    setText(this.facts, `${card.facts} · ${this.timeText(card.created)}`);
    setText(this.result, card.result);
    this.result.hidden = card.result === "";
    this.fill.style.transform = `scaleX(${card.fraction})`;
    setAttribute(this.bar, "aria-valuenow", percent);
    setAttribute(this.bar, "aria-label", card.name);
    setText(this.percent, `${percent} %`);
    setText(this.progress, card.progress);
    setText(this.states, card.states);
    setAttribute(this.compare, "href", address(card));
    this.compare.hidden = card.runs === "";
    this.buttons.stop.hidden = !card.active || !card.is_ours;
    this.buttons.resume.hidden = !card.can_resume || !card.is_ours;
    this.buttons.delete.hidden = card.active || !card.is_ours;
    setText(this.owner, card.owner);
  }
}

export default class ExperimentList {
  /**
   * @param {HTMLElement} parent
   * @param {ListData} data
   */
  constructor(parent, data) {
    this.data = data;
    this.locale = data.locale;
    /** @type {import("../shared/browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    this.unfollow = () => {};
    /** @type {Map<string, {view: ExperimentCard, card: Experiment}>} */
    this.cards = new Map(); // By id.
    this.list = make("ul", { class: "dqn-experiments" });
    this.status = make("p", { class: "dqn-detail", role: "status" });
    this.root = make("section", { class: "dqn-live", lang: data.locale, "aria-label": data.labels.title }, this.list, this.status);
    parent.append(this.root);
    this.followed = "";
  }

  /** @param {ListData} data */
  static identityOf({ locale }) {
    return locale;
  }

  /**
   * @param {ListData} data
   * @param {import("../shared/browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    /** @type {Map<string, {view: ExperimentCard, card: Experiment}>} */
    const shown = new Map();
    for (const card of data.experiments) {
      const view = this.cards.get(card.id)?.view ?? new ExperimentCard(data.labels, data.locale, (action) => this.act(card.id, action));
      shown.set(card.id, { view, card });
    }
    this.cards = shown;
    this.list.replaceChildren(...[...shown.values()].map(({ view }) => view.element));
    this.draw();
    this.follow();
  }

  /**
   * @param {string} id
   * @param {Action} action
   */
  act(id, action) {
    this.setTriggerValue("action", { id, action });
  }

  draw() {
    for (const { view, card } of this.cards.values()) view.show(card, (each) => this.address(each));
  }

  /** @param {Experiment} card */
  address(card) {
    return `compare?runs=${encodeURIComponent(card.runs)}&lang=${this.locale}`;
  }

  /** Has the server tell where those stand that are not over. */
  follow() {
    const active = this.active();
    if (this.followed === active.join()) return;
    this.followed = active.join();
    this.unfollow();
    if (active.length === 0) return;
    this.unfollow = follow({
      topic: "experiments",
      parameters: { experiments: active },
      language: this.locale,
      onData: (cards) => this.hear(cards),
      onProblem: (text) => setText(this.status, text),
      onConnection: (isConnected) => setText(this.status, isConnected ? "" : this.data.labels.connection_lost),
    });
  }

  /** @param {Progress[]} cards */
  hear(cards) {
    setText(this.status, "");
    for (const card of cards) {
      const known = this.cards.get(card.id);
      if (known) known.card = { ...known.card, ...card };
    }
    if (this.active().length === 0) this.followed = ""; // The server says no more: one that is resumed is asked for anew.
    this.draw();
  }

  /** Ids of those that are not over. */
  active() {
    return [...this.cards.values()].filter(({ card }) => card.active).map(({ card }) => card.id);
  }

  dispose() {
    this.unfollow();
    this.root.remove();
  }
}
