// One episode on the page: its picture, the Q-values of the state shown, its numbers, and what it came to.

import { ActionBars } from "../shared/episode/action_bars.js";
import { Episode, fetchNumbers } from "../shared/episode/episode.js";
import { DASH, fill, make, setAttribute, setText } from "../shared/browser/format.js";
import { Pictures } from "../shared/episode/pictures.js";
import { SeenView } from "../shared/episode/seen_view.js";
import { Curves } from "./curves.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {ReturnType<Episode["at"]>} State */
/** @typedef {(value: number | null | undefined) => string} Format */
/** @typedef {import("../shared/browser/format.js").Formats & {observed: Format}} ReplayFormats */
/**
 * @typedef {object} ReplayData What Python hands over.
 * @property {import("./transport.js").Side[]} sides The episodes to show: one, or two side by side.
 * @property {string[]} action_names
 * @property {string[]} observation_names
 * @property {import("../shared/episode/seen_tiles.js").Layout | null} [layout] How an observation is a picture; none where it is not.
 * @property {[number, number] | null} [picture_size] Width and height of the pictures, where they are known.
 * @property {number} frames_per_s Env steps a second at real time.
 * @property {string} locale
 * @property {Labels} labels
 * @property {import("./save_page.js").PageOffer} [page] To save it as a page; not in such a page itself.
 */
/**
 * @typedef {object} ViewOptions
 * @property {import("./transport.js").Side} side
 * @property {ReplayData} data
 * @property {ReplayFormats} formats
 * @property {() => void} onNews Called when more of the episode can be shown.
 * @property {import("./curves.js").OnSeek} onSeek
 * @property {() => void} onPress
 */

export class EpisodeView {
  /** @param {ViewOptions} options */
  constructor({ side, data, formats, onNews, onSeek, onPress }) {
    const { labels } = data;
    this.side = side;
    this.data = data;
    this.labels = labels;
    this.formats = formats;
    this.onNews = onNews;
    /** @type {Episode | null} */
    this.episode = null;
    /** @type {Pictures | null} */
    this.pictures = null;
    this.replayId = "";
    /** @type {number | null} */
    this.shownPicture = null;
    /** @type {number | null} */
    this.shownStep = null;
    this.hasFailed = false;
    this.abort = new AbortController();
    const [width, height] = data.picture_size ?? [600, 400];
    this.canvas = make("canvas", {
      class: "dqn-picture",
      width: String(width),
      height: String(height),
      role: "img",
      "data-testid": "picture",
    });
    this.canvas.style.setProperty("--dqn-aspect", String(width / height));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.note = make("p", { class: "dqn-picture-note", role: "status", "data-testid": "picture-note" }, labels.stage_waiting);
    this.outcome = make("span", { class: "dqn-outcome", "data-testid": "outcome" });
    this.stage = make("div", { class: "dqn-picture-box dqn-is-empty" }, this.canvas, this.note);
    this.stage.addEventListener("click", () => onPress());
    this.facts = new FactsView(labels, formats);
    this.state = new StateView(labels, data.observation_names, formats);
    /** @type {SeenView | null} In the place of its numbers, where what is observed is a picture. */
    this.seen = null;
    this.seenPlace = make("div", { class: "dqn-seen-place" });
    this.seenPlace.hidden = true;
    /** @type {ActionBars | null} Its scale is the episode's. */
    this.bars = null;
    this.choice = make("div", { class: "dqn-choice" });
    this.details = make("div", { class: "dqn-details" });
    this.values = new ValueCurves({ labels, formats, onSeek });
    this.picture = make(
      "div",
      { class: "dqn-card dqn-picture-card", "data-testid": "episode", role: "group", "aria-label": side.title },
      make(
        "div",
        { class: "dqn-card-head" },
        make("h2", {}, side.title, make("span", { class: "dqn-side-detail" }, side.detail)),
        this.outcome,
      ),
      this.stage,
    );
    this.values.element.hidden = true;
    this.load();
  }

  async load() {
    try {
      const numbers = await this.fetchNumbers();
      this.showEpisode(new Episode(numbers));
      this.loadPictures(numbers);
    } catch (error) {
      if (!this.abort.signal.aborted) this.fail(error);
    }
  }

  async fetchNumbers() {
    if (this.side.recorded) return this.side.recorded.numbers;
    return fetchNumbers(this.side.url, this.abort.signal, (stage) => setText(this.note, this.labels[`stage_${stage}`]));
  }

  /** @param {Episode} episode */
  showEpisode(episode) {
    const { labels, data, formats } = this;
    const { numbers } = episode;
    this.episode = episode;
    this.bars = new ActionBars(labels, data.action_names, { scale: episode.qScale, showsGaps: true });
    this.choice.replaceChildren(this.bars.element);
    this.seen = this.makeSeen(numbers);
    this.details.replaceChildren(this.facts.element, ...(this.seen ? [] : [this.state.element]));
    this.seenPlace.replaceChildren(...(this.seen ? [this.seen.element] : []));
    this.seenPlace.hidden = this.seen === null;
    const end = episode.isTruncated ? labels.cut_off : labels.ended;
    const said = { steps: formats.integer(episode.length), score: formats.score(numbers.episode_return) };
    setText(this.outcome, fill(end, said));
    this.values.element.hidden = false;
    this.values.drawEpisode(episode);
    setText(this.note, labels.stage_drawing);
    this.onNews();
  }

  /**
   * @param {import("../shared/episode/episode.js").EpisodeNumbers} numbers
   * @returns {SeenView | null}
   */
  makeSeen({ id }) {
    const { data, labels, formats, side } = this;
    if (!data.layout) return null;
    this.replayId = id;
    return new SeenView({
      layout: data.layout,
      labels,
      formats,
      onChange: () => {
        this.shownStep = null;
        this.onNews();
      },
      load: (name) => {
        const recorded = side.recorded?.[name];
        if (side.recorded && !recorded) return null;
        const pictures = this.makePictures(name);
        if (recorded) pictures.hold(recorded);
        else pictures.load();
        return pictures;
      },
    });
  }

  /** @param {"frames" | "seen" | "important"} name */
  makePictures(name) {
    return new Pictures({
      url: (first) => `live/replays/${this.replayId}/${name}?from=${first}&lang=${this.data.locale}`,
      onNews: () => this.onNews(),
      renew: () => this.renew(),
      onProblem: (error) => this.fail(error),
    });
  }

  /** @param {import("../shared/episode/episode.js").EpisodeNumbers} numbers */
  loadPictures({ id }) {
    this.replayId = id;
    this.pictures = this.makePictures("frames");
    if (this.side.recorded) this.pictures.hold(this.side.recorded.pictures);
    else this.pictures.load();
  }

  async renew() {
    ({ id: this.replayId } = await this.fetchNumbers());
  }

  /** @param {unknown} error */
  fail(error) {
    setText(this.note, error instanceof Error ? error.message : String(error));
    this.note.hidden = false;
    this.note.classList.add("dqn-problem");
    this.hasFailed = true;
    this.onNews();
  }

  /** Number of the last state whose picture has come, or will not come. */
  get lastReady() {
    if (this.episode === null) return this.hasFailed ? Infinity : 0;
    if (this.pictures === null || this.pictures.isComplete || this.hasFailed) return Infinity;
    return Math.max(0, this.pictures.length - 1);
  }

  /** Share of the pictures that have come. */
  get share() {
    if (this.episode === null) return 0;
    if (this.pictures === null || this.lastReady === Infinity) return 1;
    return this.pictures.length / (this.episode.length + 1);
  }

  /**
   * @param {number} step
   * @param {number} stride States from one picture to the next while it plays; 0 while it stands still.
   */
  show(step, stride) {
    if (this.episode === null || this.bars === null) return;
    const at = Math.min(step, this.episode.length);
    this.showPicture(at, stride);
    this.seen?.show(at, stride);
    this.values.moveTo(at);
    if (this.shownStep === at) return;
    this.shownStep = at;
    const state = this.episode.at(at);
    if (state.choice) this.bars.show(state.choice, this.formats);
    this.bars.element.classList.toggle("dqn-over", state.isOver);
    if (state.isOver) setText(this.bars.mode, this.labels.over);
    this.facts.show(state);
    if (this.seen === null) this.state.show(state.observation);
    this.values.showNumbers(state);
    if (stride === 0) setAttribute(this.canvas, "aria-label", fill(this.labels.picture_alt, { n: this.formats.integer(at) }));
  }

  /**
   * @param {number} step
   * @param {number} stride
   */
  showPicture(step, stride) {
    if (this.pictures === null || this.pictures.length === 0) return;
    const isCut = this.pictures.isComplete && step >= this.pictures.length;
    const index = Math.min(step, this.pictures.length - 1);
    const found = stride > 0 ? this.pictures.getLatest(index, stride) : this.pictures.get(index, 1);
    if (found !== null && this.shownPicture !== found[0]) {
      const [number, bitmap] = found;
      if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
        Object.assign(this.canvas, { width: bitmap.width, height: bitmap.height });
        this.canvas.style.setProperty("--dqn-aspect", String(bitmap.width / bitmap.height));
      }
      this.context.drawImage(bitmap, 0, 0);
      this.stage.classList.remove("dqn-is-empty");
      this.shownPicture = number;
    }
    if (this.hasFailed || this.shownPicture === null) return;
    this.note.hidden = !isCut;
    if (isCut) setText(this.note, fill(this.labels.pictures_end, { n: this.formats.integer(this.pictures.length - 1) }));
  }

  dispose() {
    this.abort.abort();
    this.pictures?.dispose();
    this.seen?.dispose();
  }
}

/** Reward, return so far, expected and real value at the state shown. */
class FactsView {
  /**
   * @param {Labels} labels
   * @param {ReplayFormats} formats
   */
  constructor(labels, formats) {
    this.formats = formats;
    this.element = make("dl", { class: "dqn-card dqn-replay-facts" });
    const add = (/** @type {string} */ name) => {
      const value = make("dd", { "data-testid": `fact-${name}` }, DASH);
      const term = make("dt", { title: labels[`${name}_help`] ?? "" }, labels[name]);
      this.element.append(make("div", {}, term, value));
      return value;
    };
    this.values = {
      reward: add("reward"),
      return_so_far: add("return_so_far"),
      value: add("value"),
      got: add("got"),
    };
  }

  /** @param {State} state */
  show({ reward, returnSoFar, value, got }) {
    const { formats, values } = this;
    setText(values.reward, formats.quality(reward));
    setText(values.return_so_far, formats.score(returnSoFar));
    setText(values.value, formats.quality(value));
    setText(values.got, formats.quality(got));
  }
}

/** Of an observation with more numbers, those that are 0 are left out: of a Discrete one, all but one are. */
const MOST_NUMBERS = 100;

/** What the agent sees, number by number. */
class StateView {
  /**
   * @param {Labels} labels
   * @param {string[]} names Of the numbers.
   * @param {ReplayFormats} formats
   */
  constructor(labels, names, formats) {
    this.formats = formats;
    this.labels = labels;
    this.names = names;
    this.rows = names.slice(0, MOST_NUMBERS).map((name, i) => {
      const title = make("dt", {}, name);
      const value = make("dd", { "data-testid": `state-${i}` }, DASH);
      return { element: make("div", {}, title, value), title, value };
    });
    this.note = make("p", { class: "dqn-explanation", "data-testid": "state-note" });
    this.note.hidden = true;
    this.element = make(
      "section",
      { class: "dqn-card dqn-state-card" },
      make("div", { class: "dqn-card-head" }, make("h2", {}, labels.state)),
      make("dl", { class: "dqn-state-list" }, ...this.rows.map((row) => row.element)),
      this.note,
    );
  }

  /** @param {(number | null)[]} observation */
  show(observation) {
    const shown = this.shownOf(observation);
    this.rows.forEach((row, place) => {
      row.element.hidden = place >= shown.length;
      if (row.element.hidden) return;
      setText(row.title, this.names[shown[place]]);
      setText(row.value, this.formats.observed(observation[shown[place]]));
    });
    this.note.hidden = shown.length === this.names.length;
    if (!this.note.hidden) {
      const said = { count: this.formats.integer(shown.length), total: this.formats.integer(this.names.length) };
      setText(this.note, fill(this.labels.state_more, said));
    }
  }

  /**
   * Places of the numbers that are shown.
   * @param {(number | null)[]} observation
   */
  shownOf(observation) {
    const places = [...this.names.keys()];
    if (places.length <= MOST_NUMBERS) return places;
    return places.filter((i) => observation[i] !== 0).slice(0, MOST_NUMBERS);
  }
}

/** What the network expects of each state, beside what came of it. */
class ValueCurves extends Curves {
  /** @param {{labels: Labels, formats: ReplayFormats, onSeek: import("./curves.js").OnSeek}} options */
  constructor({ labels, formats, onSeek }) {
    super({ className: "dqn-values", onSeek, formats });
    this.labels = labels;
    const plot = this.element;
    this.numbers = { value: make("b", {}), got: make("b", {}) };
    const entry = (/** @type {"value" | "got"} */ name) =>
      make("span", { class: `dqn-key dqn-key-${name}` }, labels[`curve_${name}`], " ", this.numbers[name]);
    this.explanation = make("p", { class: "dqn-explanation" });
    this.element = make(
      "section",
      { class: "dqn-card dqn-value-card" },
      make(
        "div",
        { class: "dqn-card-head" },
        make("h2", {}, labels.values),
        make("div", { class: "dqn-key-list" }, entry("value"), entry("got")),
      ),
      plot,
      this.explanation,
    );
  }

  /** @param {Episode} episode */
  drawEpisode(episode) {
    const series = [
      { name: "got", values: episode.numbers.discounted_returns },
      { name: "value", values: episode.values },
    ];
    this.draw(series, episode.length);
    setText(this.explanation, episode.isTruncated ? this.labels.values_cut : this.labels.values_help);
  }

  /** @param {State} state */
  showNumbers({ value, got }) {
    setText(this.numbers.value, this.formats.quality(value));
    setText(this.numbers.got, this.formats.quality(got));
  }
}
