// The wall of a class: a card a student, live. The server is told which cards are in sight, and says nothing of how the
// others look.

import { DASH, fill, make, makeFormats, makeSvg, setAttribute, setText } from "../shared/browser/format.js";
import { follow } from "../shared/browser/live_socket.js";
import { counts, curvePath, shown, take } from "./wall_model.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("./wall_model.js").Card} Card */
/** @typedef {import("./wall_model.js").WallMessage} WallMessage */
/** @typedef {import("./wall_model.js").Order} Order */
/** @typedef {import("./wall_model.js").Filter} Filter */
/**
 * @typedef {object} WallData What Python hands over.
 * @property {string} ticket
 * @property {string} locale
 * @property {Labels} labels
 */

const WIDTH = 240;
const HEIGHT = 60;
const SETTLE_MS = 200; // Cards that scroll past are not asked for.
const REORDER_MS = 2000; // A card does not jump away under the pointer at each number.
const MOST_SEEN = 60;

export default class Wall {
  /**
   * @param {HTMLElement} parent
   * @param {WallData} data
   */
  constructor(parent, data) {
    this.data = data;
    this.formats = makeFormats(data.locale);
    /** @type {import("./wall_model.js").Cards} */
    this.cards = new Map();
    /** @type {Map<string, StudentCard>} */
    this.views = new Map();
    /** @type {Map<string, string>} By member: the last picture, as an address. */
    this.pictures = new Map();
    /** @type {Set<string>} */
    this.seen = new Set();
    /** @type {Order} */
    this.order = "name";
    /** @type {Filter} */
    this.filter = "all";
    this.large = "";
    this.asked = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.arranging = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.settling = undefined;
    /** @type {(() => void) | undefined} */
    this.unfollow = undefined;
    const { labels, locale } = this.data;
    this.sort = make("select", { "data-testid": "wall-order" });
    for (const order of ["name", "progress", "score"]) {
      this.sort.append(make("option", { value: order }, labels[`by_${order}`]));
    }
    this.sort.addEventListener("change", () => {
      this.order = /** @type {Order} */ (this.sort.value);
      this.arrange();
    });
    /** @type {Map<Filter, HTMLButtonElement>} */
    this.filters = new Map();
    const group = make("div", { class: "dqn-wall-filters", role: "group", "aria-label": labels.show });
    for (const filter of /** @type {Filter[]} */ (["all", "stuck", "hand"])) {
      const button = make("button", { type: "button", "data-testid": `wall-${filter}`, "aria-pressed": "false" });
      button.addEventListener("click", () => {
        this.filter = filter;
        this.arrange();
      });
      this.filters.set(filter, button);
      group.append(button);
    }
    const bar = make("div", { class: "dqn-wall-bar" }, make("label", {}, `${labels.sort} `, this.sort), group);
    this.rule = make("p", { class: "dqn-wall-note" }, labels.stuck_rule);
    this.problem = make("p", { class: "dqn-wall-note", role: "status", hidden: "" });
    this.empty = make("p", { class: "dqn-wall-note" }, labels.nobody);
    this.grid = make("ul", { class: "dqn-wall-grid" });
    this.dialog = new LargeCard(labels, this.formats, () => this.enlarge(""));
    this.root = make(
      "section",
      { class: "dqn-live dqn-wall", lang: locale, "aria-label": labels.title, "data-testid": "wall" },
      bar,
      this.rule,
      this.problem,
      this.empty,
      this.grid,
      this.dialog.element,
    );
    parent.append(this.root);
    this.observer = new IntersectionObserver((entries) => this.onSight(entries), { rootMargin: "80px" });
    this.ask();
  }

  /** @param {WallData} data */
  static identityOf({ locale, ticket }) {
    return JSON.stringify([locale, ticket]);
  }

  /** @param {WallData} data */
  accept(data) {
    this.data = data;
  }

  /** Tells the server which cards are in sight, where these are others than it knows. */
  ask() {
    const { ticket, locale, labels } = this.data;
    const seen = [...this.seen].slice(0, MOST_SEEN);
    if (this.large && !seen.includes(this.large)) seen[Math.min(seen.length, MOST_SEEN - 1)] = this.large;
    const parameters = this.large ? { ticket, seen, large: this.large } : { ticket, seen };
    const asked = JSON.stringify(parameters);
    if (asked === this.asked) return;
    this.asked = asked;
    const before = this.unfollow;
    this.unfollow = follow({
      topic: "wall",
      parameters,
      language: locale,
      onData: (message) => this.show(message),
      onProblem: (text) => this.say(text),
      onConnection: (isConnected) => this.say(isConnected ? "" : labels.connection_lost),
    });
    before?.();
  }

  /** @param {string} text */
  say(text) {
    setText(this.problem, text);
    this.problem.hidden = text === "";
  }

  /** @param {WallMessage} message */
  show(message) {
    this.say("");
    take(this.cards, message);
    if (message.picture) {
      const { member, jpeg } = message.picture;
      this.pictures.set(member, `data:image/jpeg;base64,${jpeg}`);
    }
    for (const [member, view] of this.views) {
      if (!this.cards.has(member)) this.drop(member, view);
    }
    let isNew = false;
    for (const [member, card] of this.cards) {
      if (!this.views.has(member)) {
        isNew = true;
        this.add(member);
      }
      this.views.get(member)?.draw(card, this.pictures.get(member));
    }
    const large = this.cards.get(this.large);
    if (large) this.dialog.draw(large, this.pictures.get(this.large));
    else if (this.large) this.enlarge("");
    if (isNew || message.whole || message.gone?.length) this.arrange();
    else this.arrangeSoon();
  }

  /** @param {string} member */
  add(member) {
    const view = new StudentCard(this.data.labels, this.formats, () => this.enlarge(member));
    view.element.dataset.member = member;
    this.views.set(member, view);
    this.observer.observe(view.element);
  }

  /**
   * @param {string} member
   * @param {StudentCard} view
   */
  drop(member, view) {
    this.observer.unobserve(view.element);
    view.element.remove();
    this.views.delete(member);
    this.seen.delete(member);
    this.pictures.delete(member);
  }

  arrangeSoon() {
    this.arranging ??= setTimeout(() => this.arrange(), REORDER_MS);
  }

  /** Puts the cards that are shown in their order, and says how many there are. */
  arrange() {
    clearTimeout(this.arranging);
    this.arranging = undefined;
    const { labels, locale } = this.data;
    const members = shown(this.cards, this.order, this.filter, locale);
    const wanted = members.map((member) => /** @type {StudentCard} */ (this.views.get(member)).element);
    const focused = document.activeElement;
    if (wanted.length !== this.grid.children.length || wanted.some((each, place) => each !== this.grid.children[place])) {
      this.grid.replaceChildren(...wanted);
      if (focused instanceof HTMLElement && this.grid.contains(focused)) focused.focus({ preventScroll: true });
    }
    const found = counts(this.cards);
    for (const [filter, button] of this.filters) {
      setText(button, `${labels[filter]} ${this.formats.integer(found[filter])}`);
      setAttribute(button, "aria-pressed", String(filter === this.filter));
    }
    this.empty.hidden = members.length > 0;
    setText(this.empty, this.cards.size === 0 ? labels.nobody : labels.none_shown);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  onSight(entries) {
    for (const { target, isIntersecting } of entries) {
      const member = /** @type {HTMLElement} */ (target).dataset.member ?? "";
      if (isIntersecting) this.seen.add(member);
      else this.seen.delete(member);
    }
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.ask(), SETTLE_MS);
  }

  /** @param {string} member Whose card is to be large; empty for none. */
  enlarge(member) {
    this.large = member;
    const card = this.cards.get(member);
    if (card) this.dialog.open(card, this.pictures.get(member));
    else this.dialog.close();
    this.ask();
  }

  dispose() {
    clearTimeout(this.arranging);
    clearTimeout(this.settling);
    this.observer.disconnect();
    this.unfollow?.();
    this.root.remove();
  }
}

/** What small and large cards have in common: curve, picture, score, settings. */
class Drawn {
  /**
   * @param {Labels} labels
   * @param {import("../shared/browser/format.js").Formats} formats
   */
  constructor(labels, formats) {
    this.labels = labels;
    this.formats = formats;
    this.state = make("span", { class: "dqn-wall-state" });
    this.hand = make("span", { class: "dqn-wall-hand", hidden: "" }, labels.hand_up);
    this.stuck = make("p", { class: "dqn-wall-stuck", hidden: "" });
    this.path = makeSvg("path", { fill: "none", "vector-effect": "non-scaling-stroke" });
    this.curve = makeSvg(
      "svg",
      { viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none", role: "img", "aria-label": labels.curve },
      this.path,
    );
    this.picture = make("img", { alt: "", hidden: "" });
    this.bar = make("span", { class: "dqn-wall-progress" });
    this.score = make("strong", {});
    this.differences = make("ul", { class: "dqn-wall-differences", "aria-label": labels.differs });
    this.differing = "";
  }

  /**
   * @param {Card} card
   * @param {string | undefined} picture
   */
  drawParts(card, picture) {
    const { detail } = card;
    setText(this.state, card.state_text || this.labels.no_run);
    setAttribute(this.state, "data-state", card.state);
    this.hand.hidden = !card.hand;
    setText(this.stuck, detail?.stuck ?? "");
    this.stuck.hidden = !detail?.stuck;
    setAttribute(this.path, "d", curvePath(detail?.curve ?? [], WIDTH, HEIGHT));
    if (picture) {
      setAttribute(this.picture, "src", picture);
      setAttribute(this.picture, "alt", fill(this.labels.picture, { name: card.name }));
    }
    this.picture.hidden = !picture;
    setAttribute(this.bar, "data-state", card.state);
    this.bar.style.setProperty("--dqn-done", `${100 * card.progress}%`);
    setText(this.score, card.score === null ? DASH : this.formats.score(card.score));
    const differing = JSON.stringify(detail?.differences ?? []);
    if (differing !== this.differing) {
      this.differing = differing;
      this.differences.replaceChildren(...(detail?.differences ?? []).map((text) => make("li", {}, text)));
    }
    this.differences.hidden = this.differences.children.length === 0;
  }
}

class StudentCard extends Drawn {
  /**
   * @param {Labels} labels
   * @param {import("../shared/browser/format.js").Formats} formats
   * @param {() => void} onEnlarge
   */
  constructor(labels, formats, onEnlarge) {
    super(labels, formats);
    this.name = make("button", { type: "button", class: "dqn-wall-name", "data-testid": "wall-name" });
    this.name.addEventListener("click", onEnlarge);
    const best = make("p", { class: "dqn-wall-best" }, `${labels.best} `, this.score);
    this.element = make(
      "li",
      { class: "dqn-wall-card", "data-testid": "wall-card" },
      make("div", { class: "dqn-wall-head" }, this.name, this.hand, this.state),
      this.bar,
      make("div", { class: "dqn-wall-drawn" }, this.curve, this.picture),
      best,
      this.stuck,
      this.differences,
    );
  }

  /**
   * @param {Card} card
   * @param {string | undefined} picture
   */
  draw(card, picture) {
    setText(this.name, card.name);
    setAttribute(this.name, "aria-label", fill(this.labels.enlarge, { name: card.name }));
    this.element.classList.toggle("dqn-wall-raised", card.hand);
    this.drawParts(card, picture);
  }
}

class LargeCard extends Drawn {
  /**
   * @param {Labels} labels
   * @param {import("../shared/browser/format.js").Formats} formats
   * @param {() => void} onClose
   */
  constructor(labels, formats, onClose) {
    super(labels, formats);
    this.name = make("h2", { class: "dqn-wall-title" });
    this.env = make("span", {});
    this.link = make("a", { target: "_blank", rel: "noopener" }, labels.open);
    const closer = make("button", { type: "button", class: "dqn-wall-close", "data-testid": "wall-close" }, labels.close);
    closer.addEventListener("click", onClose);
    this.element = make(
      "dialog",
      { class: "dqn-wall-large", "data-testid": "wall-large" },
      make("div", { class: "dqn-wall-head" }, this.name, this.hand, this.state, closer),
      this.bar,
      make("div", { class: "dqn-wall-drawn" }, this.curve, this.picture),
      make("p", { class: "dqn-wall-best" }, `${labels.best} `, this.score, " ", this.env),
      this.stuck,
      this.differences,
      this.link,
    );
    this.element.addEventListener("close", onClose);
  }

  /**
   * @param {Card} card
   * @param {string | undefined} picture
   */
  open(card, picture) {
    this.draw(card, picture);
    setAttribute(this.element, "aria-label", card.name);
    if (!this.element.open) this.element.showModal();
  }

  close() {
    if (this.element.open) this.element.close();
  }

  /**
   * @param {Card} card
   * @param {string | undefined} picture
   */
  draw(card, picture) {
    setText(this.name, card.name);
    setText(this.env, card.detail?.env ?? "");
    const run = card.detail?.run ?? "";
    setAttribute(this.link, "href", `train?run=${encodeURIComponent(run)}`);
    this.link.hidden = run === "";
    this.drawParts(card, picture);
  }
}
