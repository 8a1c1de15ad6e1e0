// The replay of one episode, or of two side by side in step, moved by one set of controls.

import { DASH, make, makeFormats } from "../shared/browser/format.js";
import { Clock } from "../shared/episode/player.js";
import { EpisodeView } from "./episode_view.js";
import { SavePage } from "./save_page.js";
import { Transport } from "./transport.js";

/** @typedef {import("./episode_view.js").ReplayData} ReplayData */
/** @typedef {import("./episode_view.js").Format} Format */

export default class ReplayPanel {
  /**
   * @param {HTMLElement} parent
   * @param {ReplayData} data
   */
  constructor(parent, data) {
    const clock = new Clock({ limit: () => this.limit(), onMove: () => this.refresh() });
    clock.framesPerS = data.frames_per_s;
    const formats = { ...makeFormats(data.locale), observed: observedFormat(data.locale) };
    this.data = data;
    this.formats = formats;
    this.clock = clock;
    this.isDrawn = false;
    this.isDisposed = false;
    /** @type {number | undefined} */
    this.request = undefined;
    /** @type {number[]} Milliseconds of the latest drawings. */
    this.drawTimes = [];
    this.transport = new Transport({
      labels: data.labels,
      formats,
      clock,
      sides: data.sides,
      onFullScreen: () => this.toggleFullScreen(),
    });
    /** @type {import("./curves.js").OnSeek} */
    const onSeek = (step, phase) => this.transport.scrubTo(step, phase);
    const shared = { data, formats, onSeek, onNews: () => this.hearNews(), onPress: () => clock.toggle() };
    this.views = data.sides.map((side) => new EpisodeView({ side, ...shared }));
    const { page, locale } = data;
    this.saving = page ? new SavePage({ data, offer: page, views: this.views, locale }) : null;
    this.root = make(
      "section",
      {
        class: "dqn-live dqn-replay",
        lang: data.locale,
        tabindex: "-1", // a click into it gives it the focus, and with that its keys
        "aria-label": data.labels.replay,
        "data-sides": String(this.views.length),
        "data-testid": "replay",
      },
      ...this.arrange(),
      this.saving?.element,
    );
    parent.append(this.root);
  }

  /** @param {ReplayData} data */
  static identityOf(data) {
    return JSON.stringify(data, (name, value) => (name === "facts" ? undefined : value));
  }

  /** @param {ReplayData} data */
  accept(data) {
    this.views.forEach((view, i) => Object.assign(view.side, { facts: data.sides[i].facts }));
    publish(this);
  }

  /** One episode has its numbers beside its picture and the controls; those of two stand below the controls. */
  arrange() {
    const { views, transport } = this;
    const row = (/** @type {Node[]} */ ...parts) => make("div", { class: "dqn-sides" }, ...parts);
    const column = (/** @type {Node[]} */ ...parts) => make("div", { class: "dqn-side" }, ...parts);
    if (views.length === 1) {
      const [{ picture, choice, seenPlace, details, values }] = views;
      return [row(column(picture, transport.element), column(choice, seenPlace, details, values.element))];
    }
    return [
      row(...views.map((view) => view.picture)),
      transport.element,
      row(...views.map((view) => column(view.choice, view.seenPlace, view.details))),
      row(...views.map((view) => view.values.element)),
    ];
  }

  /** Those that have come. */
  get episodes() {
    return this.views.flatMap((view) => view.episode ?? []);
  }

  /** More of an episode has come. */
  hearNews() {
    const { episodes } = this;
    const isDue = episodes.length > 0 && this.views.every((view) => view.episode || view.hasFailed);
    if (!this.isDrawn && isDue) {
      this.isDrawn = true;
      this.clock.last = Math.max(...episodes.map((each) => each.length));
      const names = ["first", "second"];
      const series = episodes.map((each, i) => ({ name: names[i], values: each.returns, isFilled: i === 0 }));
      this.transport.scrub.draw(series, this.clock.last);
    }
    this.refresh();
  }

  /** The last state that every side can show by now. */
  limit() {
    return Math.min(this.clock.last, ...this.views.map((view) => view.lastReady));
  }

  /** Draws at the next animation frame, once, however much has changed until then. */
  refresh() {
    if (this.request !== undefined || this.isDisposed) return;
    this.request = requestAnimationFrame(() => {
      this.request = undefined;
      this.draw();
    });
  }

  draw() {
    const start = performance.now();
    const { clock } = this;
    const { step } = clock;
    for (const view of this.views) view.show(step, clock.isPlaying ? clock.stride : 0);
    const returns = this.episodes.map((episode) => this.formats.score(episode.at(step).returnSoFar));
    this.transport.show(step, returns.join(", "), Math.min(...this.views.map((view) => view.share)));
    this.saving?.show();
    this.root.classList.toggle("dqn-is-playing", clock.isPlaying);
    this.drawTimes.push(performance.now() - start);
    if (this.drawTimes.length > 1000) this.drawTimes.shift();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  dispose() {
    this.isDisposed = true;
    if (this.request !== undefined) cancelAnimationFrame(this.request);
    this.clock.dispose();
    this.transport.dispose();
    for (const view of this.views) view.dispose();
    this.root.remove();
  }
}

/**
 * Numbers of a state: three decimals, and a sign's room, so that they do not jump while it plays.
 * @param {string} locale
 * @returns {Format}
 */
function observedFormat(locale) {
  const format = new Intl.NumberFormat(locale, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
  return (value) => (typeof value === "number" && Number.isFinite(value) ? format.format(value) : DASH);
}

/**
 * For tests and the curious: what the page's replay holds.
 * @param {ReplayPanel} panel
 */
function publish(panel) {
  window.dqnLabReplay = {
    urls: () => panel.data.sides.map((side) => side.url),
    step: () => panel.clock.step,
    last: () => panel.clock.last,
    speed: () => panel.clock.speed,
    isPlaying: () => panel.clock.isPlaying,
    pictures: () => panel.views.map((view) => view.pictures?.length ?? 0),
    decoded: () => panel.views.map((view) => view.pictures?.bitmaps.size ?? 0),
    shown: () => panel.views.map((view) => view.shownPicture),
    isComplete: () => panel.views.every((view) => view.lastReady === Infinity),
    drawTimes: () => [...panel.drawTimes],
  };
}
