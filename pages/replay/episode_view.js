// One episode on the page: its picture, the Q-values of the state shown, its numbers, and what it came to.

import { ActionBars } from "../shared/action_bars.js";
import { Episode, fetchNumbers } from "../shared/episode.js";
import { DASH, fill, make, setAttribute, setText } from "../shared/format.js";
import { Curves } from "./curves.js";
import { Pictures } from "./pictures.js";

export class EpisodeView {
  /** `side` {url, title, detail}; `onNews()` is called when more of the episode can be shown. */
  constructor({ side, data, formats, onNews, onSeek, onPress }) {
    Object.assign(this, { side, data, formats, onNews, onSeek, onPress });
    this.labels = data.labels;
    this.episode = null;
    this.pictures = null;
    this.shownPicture = null;
    this.abort = new AbortController();
    this.build();
    this.load();
  }

  build() {
    const { labels } = this;
    this.canvas = make("canvas", { class: "dqn-picture", width: "600", height: "400", role: "img", "data-testid": "picture" });
    this.context = this.canvas.getContext("2d");
    this.note = make("p", { class: "dqn-picture-note", role: "status", "data-testid": "picture-note" }, labels.stage_waiting);
    this.outcome = make("span", { class: "dqn-outcome", "data-testid": "outcome" });
    this.stage = make("div", { class: "dqn-picture-box dqn-is-empty" }, this.canvas, this.note);
    this.stage.addEventListener("click", () => this.onPress());
    this.facts = new FactsView(labels, this.formats);
    this.choice = make("div", { class: "dqn-choice" });
    this.details = make("div", { class: "dqn-details" });
    this.values = new ValueCurves({ labels, formats: this.formats, onSeek: this.onSeek });
    this.picture = make(
      "section",
      { class: "dqn-card dqn-picture-card", "data-testid": "episode", "aria-label": this.side.title },
      make(
        "div",
        { class: "dqn-card-head" },
        make("h3", {}, this.side.title, make("span", { class: "dqn-side-detail" }, this.side.detail)),
        this.outcome,
      ),
      this.stage,
    );
    this.values.element.hidden = true;
  }

  async load() {
    try {
      const numbers = await this.fetchNumbers();
      this.episode = new Episode(numbers);
      this.showEpisode();
      this.loadPictures(numbers);
    } catch (error) {
      if (!this.abort.signal.aborted) this.fail(error);
    }
  }

  fetchNumbers() {
    return fetchNumbers(this.side.url, this.abort.signal, (stage) => setText(this.note, this.labels[`stage_${stage}`]));
  }

  showEpisode() {
    const { episode, labels, data, formats } = this;
    const { numbers } = episode;
    this.bars = new ActionBars(labels, data.action_names, { scale: episode.qScale, showsGaps: true });
    this.state = new StateView(labels, data.observation_names, formats);
    this.choice.replaceChildren(this.bars.element);
    this.details.replaceChildren(this.facts.element, this.state.element);
    const end = episode.isTruncated ? labels.cut_off : labels.ended;
    const said = { steps: formats.integer(episode.length), score: formats.score(numbers.episode_return) };
    setText(this.outcome, fill(end, said));
    this.values.element.hidden = false;
    this.values.drawEpisode(episode);
    setText(this.note, numbers.has_pictures ? labels.stage_drawing : labels.no_pictures);
    this.onNews();
  }

  loadPictures({ id, has_pictures: hasPictures }) {
    this.replayId = id;
    if (!hasPictures) return;
    this.pictures = new Pictures({
      url: (first) => `${this.data.base_path}/live/replays/${this.replayId}/frames?from=${first}&lang=${this.data.locale}`,
      onNews: () => this.onNews(),
      onProblem: (error) => this.lostPictures(error),
    });
    this.pictures.load();
  }

  /** The server keeps a replay for a while only; asked again, it makes the same one. */
  async lostPictures(error) {
    const gone = 404;
    if (error.status !== gone || this.hasAskedAgain) {
      this.fail(error);
      return;
    }
    this.hasAskedAgain = true;
    try {
      ({ id: this.replayId } = await this.fetchNumbers());
      await this.pictures.load();
      this.hasAskedAgain = false;
    } catch (failure) {
      if (!this.abort.signal.aborted) this.fail(failure);
    }
  }

  fail(error) {
    setText(this.note, error.message);
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
    if (this.lastReady === Infinity) return 1;
    return this.pictures.length / (this.episode.length + 1);
  }

  /** `stride`: states from one picture to the next while it plays; 0 while it stands still. */
  show(step, stride) {
    if (this.episode === null) return;
    const at = Math.min(step, this.episode.length);
    this.showPicture(at, stride);
    this.values.moveTo(at);
    if (this.shownStep === at) return;
    this.shownStep = at;
    const moment = this.episode.at(at);
    if (!moment.isOver) this.bars.show(moment, this.formats);
    this.bars.element.classList.toggle("dqn-over", moment.isOver);
    if (moment.isOver) setText(this.bars.mode, this.labels.over);
    this.facts.show(moment);
    this.state.show(moment.observation);
    this.values.showNumbers(moment);
    if (stride === 0) setAttribute(this.canvas, "aria-label", fill(this.labels.picture_alt, { n: this.formats.integer(at) }));
  }

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
  }
}

/** Reward, return so far, expected and real value at the state shown. */
class FactsView {
  constructor(labels, formats) {
    this.formats = formats;
    this.values = {};
    this.element = make("dl", { class: "dqn-card dqn-replay-facts" });
    for (const name of ["reward", "return_so_far", "value", "got"]) {
      this.values[name] = make("dd", { "data-testid": `fact-${name}` }, DASH);
      const term = make("dt", { title: labels[`${name}_help`] ?? "" }, labels[name]);
      this.element.append(make("div", {}, term, this.values[name]));
    }
  }

  show({ reward, returnSoFar, value, got }) {
    const { formats, values } = this;
    setText(values.reward, formats.quality(reward ?? NaN));
    setText(values.return_so_far, formats.score(returnSoFar));
    setText(values.value, formats.quality(value ?? NaN));
    setText(values.got, formats.quality(got ?? NaN));
  }
}

/** What the agent sees, number by number. */
class StateView {
  constructor(labels, names, formats) {
    this.formats = formats;
    this.values = names.map((name, i) => make("dd", { "data-testid": `state-${i}` }, DASH));
    const rows = names.map((name, i) => make("div", {}, make("dt", {}, name), this.values[i]));
    this.element = make(
      "section",
      { class: "dqn-card dqn-state-card" },
      make("div", { class: "dqn-card-head" }, make("h3", {}, labels.state)),
      make("dl", { class: "dqn-state-list" }, ...rows),
    );
  }

  show(observation) {
    observation.forEach((value, i) => this.values[i] && setText(this.values[i], this.formats.observed(value ?? NaN)));
  }
}

/** What the network expects of each state, beside what came of it. */
class ValueCurves extends Curves {
  constructor({ labels, formats, onSeek }) {
    super({ className: "dqn-values", onSeek, formats });
    this.labels = labels;
    const plot = this.element;
    this.numbers = { value: make("b", {}), got: make("b", {}) };
    const entry = (name) =>
      make("span", { class: `dqn-key dqn-key-${name}` }, labels[`curve_${name}`], " ", this.numbers[name]);
    this.explanation = make("p", { class: "dqn-explanation" });
    this.element = make(
      "section",
      { class: "dqn-card dqn-value-card" },
      make(
        "div",
        { class: "dqn-card-head" },
        make("h3", {}, labels.values),
        make("div", { class: "dqn-key-list" }, entry("value"), entry("got")),
      ),
      plot,
      this.explanation,
    );
  }

  drawEpisode(episode) {
    const series = [
      { name: "got", values: episode.numbers.discounted_returns },
      { name: "value", values: episode.values },
    ];
    this.draw(series, episode.length);
    setText(this.explanation, episode.isTruncated ? this.labels.values_cut : this.labels.values_help);
  }

  showNumbers({ value, got }) {
    setText(this.numbers.value, this.formats.quality(value ?? NaN));
    setText(this.numbers.got, this.formats.quality(got ?? NaN));
  }
}
