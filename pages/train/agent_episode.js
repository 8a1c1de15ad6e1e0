// An episode of the trained agent, played over and over where the running episode stood.

import { Episode, fetchNumbers } from "../shared/episode/episode.js";
import { make } from "../shared/browser/format.js";
import { Pictures } from "../shared/episode/pictures.js";
import { Clock, PlayButton } from "../shared/episode/player.js";
import { SeenView } from "../shared/episode/seen_view.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {{url: string}} EpisodeSource Where its numbers are. */


export class AgentEpisode {
  /**
   * `onShow` hears of each state that is shown, `onProblem` why there is none, `onSeen` what shows what the network sees.
   * @param {object} options
   * @param {EpisodeSource} options.source
   * @param {Labels} options.labels
   * @param {import("../shared/browser/format.js").Formats} options.formats
   * @param {import("../shared/episode/seen_tiles.js").Layout | null} options.layout How an observation is a picture.
   * @param {(element: HTMLElement) => void} options.onSeen
   * @param {(state: ReturnType<Episode["at"]>, step: number) => void} options.onShow
   * @param {(text: string) => void} options.onProblem
   */
  constructor({ source, labels, formats, layout, onSeen, onShow, onProblem }) {
    this.source = source;
    this.labels = labels;
    this.formats = formats;
    this.layout = layout;
    this.onSeen = onSeen;
    this.onShow = onShow;
    this.onProblem = onProblem;
    /** @type {Episode | null} */
    this.episode = null;
    /** @type {Pictures | null} */
    this.pictures = null;
    /** @type {SeenView | null} */
    this.seen = null;
    this.replayId = "";
    this.isPlayedByHand = false;
    this.abort = new AbortController();
    this.clock = new Clock({ limit: () => this.lastReady, onMove: () => this.show() });
    this.clock.isRepeating = true;
    this.button = new PlayButton({ clock: this.clock, labels, testId: "agent-play" });
    this.button.element.addEventListener("click", () => (this.isPlayedByHand = true));
    this.canvas = make("canvas", {
      class: "dqn-frame",
      role: "img",
      "aria-label": labels.stage_agent,
      "data-testid": "agent-episode",
    });
    this.canvas.hidden = true;
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.whenSeen = () => this.playByItself();
    document.addEventListener("visibilitychange", this.whenSeen);
    this.load();
  }

  /** @param {EpisodeSource} source */
  isOf({ url }) {
    return url === this.source.url;
  }

  async load() {
    const { url } = this.source;
    try {
      const numbers = await fetchNumbers(url, this.abort.signal, () => {});
      this.episode = new Episode(numbers);
      this.clock.last = this.episode.length;
      this.clock.framesPerS = numbers.frames_per_s;
      this.replayId = numbers.id;
      this.pictures = this.loaded("frames");
      if (this.layout) this.makeSeen(this.layout);
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {"frames" | "seen" | "important"} name */
  loaded(name) {
    const pictures = new Pictures({
      url: (first) => `live/replays/${this.replayId}/${name}?from=${first}`,
      onNews: () => this.show(),
      renew: () => this.renew(),
      onProblem: (error) => this.fail(error),
    });
    pictures.load();
    return pictures;
  }

  /** @param {import("../shared/episode/seen_tiles.js").Layout} layout */
  makeSeen(layout) {
    const { labels, formats } = this;
    this.seen = new SeenView({
      layout,
      labels,
      formats,
      load: (name) => this.loaded(name),
      onChange: () => this.show(),
    });
    this.onSeen(this.seen.element);
  }

  async renew() {
    ({ id: this.replayId } = await fetchNumbers(this.source.url, this.abort.signal, () => {}));
  }

  /** @param {unknown} error */
  fail(error) {
    if (this.abort.signal.aborted || !this.canvas.hidden) return; // What is shown already stays.
    this.onProblem(error instanceof Error ? error.message : String(error));
  }

  /** The last state whose picture has come; of a long episode, only the first pictures are drawn. */
  get lastReady() {
    const pictures = this.pictures?.length ?? 0;
    return this.pictures?.isComplete ? this.clock.last : Math.max(0, pictures - 1);
  }

  show() {
    const { episode, pictures, clock } = this;
    this.button.show();
    if (episode === null || pictures === null || pictures.length === 0) return;
    const index = Math.min(clock.step, pictures.length - 1);
    const found = clock.isPlaying ? pictures.getLatest(index, clock.stride) : pictures.get(index, 1);
    if (found === null) return;
    const [, bitmap] = found;
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      Object.assign(this.canvas, { width: bitmap.width, height: bitmap.height });
    }
    this.context.drawImage(bitmap, 0, 0);
    this.seen?.show(index, clock.isPlaying ? clock.stride : 0);
    this.onShow(episode.at(clock.step), clock.step);
    if (!this.canvas.hidden) return;
    this.canvas.hidden = false;
    this.playByItself();
  }

  /** Nothing begins to move for those who asked their system for rest; who pressed the button decides. */
  playByItself() {
    const wantsRest = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!document.hidden && !this.canvas.hidden && !wantsRest && !this.isPlayedByHand) this.clock.play();
  }

  dispose() {
    this.abort.abort();
    document.removeEventListener("visibilitychange", this.whenSeen);
    this.clock.dispose();
    this.pictures?.dispose();
    this.seen?.dispose();
  }
}
