// The replay of one episode, or of two side by side in step, moved by one set of controls.

import { DASH, make, makeFormats } from "../shared/format.js";
import { Clock } from "../shared/player.js";
import { EpisodeView } from "./episode_view.js";
import { Transport } from "./transport.js";

export default class ReplayPanel {
  constructor(parent, data) {
    this.parent = parent;
    this.data = data;
    const formats = makeFormats(data.locale);
    this.formats = { ...formats, observed: observedFormat(data.locale) };
    this.clock = new Clock({ limit: () => this.limit(), onMove: () => this.refresh() });
    this.clock.framesPerS = data.frames_per_s;
    this.isDrawn = false;
    this.drawTimes = [];
    this.build();
  }

  static identityOf(data) {
    return JSON.stringify(data);
  }

  accept() {
    publish(this);
  }

  build() {
    const { data, clock, formats } = this;
    this.transport = new Transport({
      labels: data.labels,
      formats: this.formats,
      clock,
      sides: data.sides,
      onFullScreen: () => this.toggleFullScreen(),
    });
    const onSeek = (step, phase) => this.transport.scrubTo(step, phase);
    const shared = { data, formats, onSeek, onNews: () => this.hearNews(), onPress: () => clock.toggle() };
    this.views = data.sides.map((side) => new EpisodeView({ side, ...shared }));
    this.root = make(
      "section",
      {
        class: "dqn-live dqn-replay",
        lang: data.locale,
        "aria-label": data.labels.replay,
        "data-sides": String(this.views.length),
        "data-testid": "replay",
      },
      ...this.arrange(),
    );
    this.parent.append(this.root);
  }

  /** One episode has its numbers beside its picture; of two, the controls stand between pictures and numbers. */
  arrange() {
    const { views, transport } = this;
    const row = (...parts) => make("div", { class: "dqn-sides" }, ...parts);
    const column = (...parts) => make("div", { class: "dqn-side" }, ...parts);
    const curves = row(...views.map((view) => view.values.element));
    if (views.length === 1) {
      const [{ picture, choice, details }] = views;
      return [row(picture, column(choice, details)), transport.element, curves];
    }
    return [
      row(...views.map((view) => column(view.picture, view.choice))),
      transport.element,
      row(...views.map((view) => view.details)),
      curves,
    ];
  }

  /** More of an episode has come. */
  hearNews() {
    const episodes = this.views.flatMap((view) => view.episode ?? []);
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
    const returns = this.views
      .filter((view) => view.episode)
      .map((view) => this.formats.score(view.episode.at(step).returnSoFar));
    this.transport.show(step, returns.join(", "), Math.min(...this.views.map((view) => view.share)));
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
    cancelAnimationFrame(this.request);
    this.clock.dispose();
    this.transport.dispose();
    for (const view of this.views) view.dispose();
    this.root.remove();
  }
}

/** Numbers of a state: three decimals, and a sign's room, so that they do not jump while it plays. */
function observedFormat(locale) {
  const format = new Intl.NumberFormat(locale, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
  return (value) => (Number.isFinite(value) ? format.format(value) : DASH);
}

/** For tests and the curious: what the page's replay holds. */
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
