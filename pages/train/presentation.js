// Presentation mode: the run in large type for a class that looks at a projector. The agent, two charts and the buttons
// that steer stay on the page; it outlasts the run, so that the next one begins in it as well.

import { isLetter, isShortcutOf } from "../shared/browser/shortcuts.js";

const CLASS = "dqn-presenting";
const CHART_FONT_PX = 20; // On a screen of 1920 by 1080, larger on a larger one.
const SMALLEST_FONT_PX = 14;
const PLAIN_FONT_PX = 12; // The smallest in a chart otherwise.
const REFUSED_MS = 500; // A whole screen that is taken back so soon was taken by the browser, not by the reader.
const GONE_MS = 1500; // A page that has had no panel for so long is another page.

export function isPresenting() {
  return document.documentElement.classList.contains(CLASS);
}

/**
 * How much larger a chart's letters are than on a page that is read at a desk.
 * @param {{innerWidth: number, innerHeight: number}} screen
 */
export function presentationScale({ innerWidth, innerHeight }) {
  const share = Math.min(innerWidth / 1920, innerHeight / 1080);
  return Math.max(SMALLEST_FONT_PX, CHART_FONT_PX * share) / PLAIN_FONT_PX;
}

const SIZES = new Set(["size", "l", "r", "t", "b", "standoff", "ticklen"]);
const ENLARGED = /^(font|legend|hoverlabel|margin|title|[xy]axis\d*)$/;

/**
 * A Plotly layout whose fonts, margins and ticks are `scale` times as large.
 * @param {Record<string, any>} layout
 * @param {number} scale
 * @returns {Record<string, any>}
 */
export function enlarged(layout, scale) {
  if (scale === 1) return layout;
  return Object.fromEntries(
    Object.entries(layout).map(([name, value]) => {
      if (SIZES.has(name) && typeof value === "number") return [name, value * scale];
      const isGroup = ENLARGED.test(name) && typeof value === "object" && value !== null && !Array.isArray(value);
      return [name, isGroup ? enlarged(value, scale) : value];
    }),
  );
}

/** @param {boolean} wanted */
function present(wanted) {
  const root = document.documentElement;
  root.classList.toggle(CLASS, wanted);
  // A browser may refuse the whole screen; the page is large all the same.
  if (wanted) root.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
}

/** @param {EventTarget | null} target */
function isTypedInto(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], [role=slider]") !== null;
}

/** The button and the key that begin and end it, for the panel that is on the page. */
export class Presentation {
  /**
   * @param {HTMLButtonElement} button
   * @param {import("../shared/browser/format.js").Labels} labels
   * @param {() => void} onChange
   */
  constructor(button, labels, onChange) {
    this.button = button;
    this.labels = labels;
    this.onChange = onChange;
    this.fullSince = 0;
    this.listening = new AbortController();
    const { signal } = this.listening;
    button.addEventListener("click", () => this.turn(!isPresenting()), { signal });
    document.addEventListener("keydown", (event) => this.press(event), { signal });
    document.addEventListener("fullscreenchange", () => this.followScreen(), { signal });
    addEventListener("resize", () => isPresenting() && onChange(), { signal });
    this.show();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTypedInto(event.target)) return;
    if (!isShortcutOf(event, this.button.closest(".dqn-live"))) return;
    if (isLetter(event, "p")) this.turn(!isPresenting());
    else if (event.key === "Escape") this.turn(false);
  }

  /** Who leaves the whole screen, by Escape or the browser's own button, ends the presentation. */
  followScreen() {
    if (document.fullscreenElement !== null) this.fullSince = performance.now();
    else if (performance.now() - this.fullSince > REFUSED_MS) this.turn(false);
  }

  /** @param {boolean} wanted */
  turn(wanted) {
    if (wanted === isPresenting()) return;
    present(wanted);
    this.show();
    this.onChange();
  }

  show() {
    this.button.textContent = isPresenting() ? this.labels.present_end : this.labels.present;
    this.button.setAttribute("aria-pressed", String(isPresenting()));
  }

  dispose() {
    this.listening.abort();
    setTimeout(() => {
      if (document.querySelector("[data-testid=live-panel]") === null) present(false);
    }, GONE_MS);
  }
}
