// The running episode: its newest frame, and the Q-values that chose the action in it. After the run, an episode of the
// agent that it trained.

import { ActionBars } from "../shared/action_bars.js";
import { DASH, fill, make, setAttribute, setText } from "../shared/format.js";
import { SeenTiles } from "../shared/seen_tiles.js";
import { AgentEpisode } from "./agent_episode.js";

/** @typedef {import("../shared/format.js").Labels} Labels */
/** @typedef {import("../shared/format.js").Formats} Formats */
/**
 * @typedef {object} LiveFrame A frame of the running episode, and the action that was chosen in it.
 * @property {number} number
 * @property {number} episode
 * @property {number} env_step
 * @property {number} episode_step
 * @property {number | null} episode_return
 * @property {(number | null)[]} q_values
 * @property {number} action
 * @property {boolean} is_greedy
 * @property {string} picture A JPEG, base64.
 * @property {string} [seen] What the network sees, base64: its channels side by side.
 */
/** @typedef {{frame: LiveFrame, formats: Formats}} Offered */

export class StageView {
  /**
   * @param {Labels} labels
   * @param {string[]} actionNames
   * @param {import("../shared/seen_tiles.js").Layout | null} [layout] How an observation is a picture.
   */
  constructor(labels, actionNames, layout = null) {
    this.labels = labels;
    this.actions = new ActionBars(labels, actionNames);
    this.actions.element.hidden = true;
    /** @type {Offered | null} The newest, while another is loaded. */
    this.wanted = null;
    /** @type {Offered | null} */
    this.loading = null;
    this.shownFrame = 0;
    /** @type {AgentEpisode | null} After the run. */
    this.agentEpisode = null;
    this.image = make("img", { class: "dqn-frame", "data-testid": "live-frame", alt: "", draggable: "false" });
    this.image.hidden = true;
    this.heading = make("h2", {}, this.labels.stage);
    this.head = make("div", { class: "dqn-card-head" }, this.heading);
    this.empty = make("p", { class: "dqn-frame-empty" }, this.labels.waiting_frame);
    this.box = make("div", { class: "dqn-frame-box" }, this.image, this.empty);
    this.tiles = layout ? new SeenTiles(layout) : null;
    this.seen = make("div", { class: "dqn-stage-seen" }, make("h3", {}, labels.seen), this.tiles?.element ?? "");
    this.seen.hidden = true;
    this.seenImage = make("img", { alt: "" });
    this.seenImage.addEventListener("load", () => this.drawSeen());
    this.facts = make("dl", { class: "dqn-facts" });
    this.episode = this.addFact("frame_episode");
    this.step = this.addFact("frame_step");
    this.episodeReturn = this.addFact("frame_return");
    this.element = make(
      "aside",
      { class: "dqn-stage", "aria-label": this.labels.stage },
      make(
        "section",
        { class: "dqn-card" },
        this.head,
        this.box,
        this.seen,
        this.facts,
      ),
      this.actions.element,
    );
    this.image.addEventListener("load", () => this.loaded(true));
    this.image.addEventListener("error", () => this.loaded(false));
  }

  /** @param {string} name */
  addFact(name) {
    const value = make("dd", {}, DASH);
    this.facts.append(make("div", {}, make("dt", {}, this.labels[name]), value));
    return value;
  }

  /**
   * Takes note of the newest frame; it is drawn when the one before is, however many came between.
   * @param {LiveFrame} frame
   * @param {Formats} formats
   */
  offer(frame, formats) {
    this.wanted = { frame, formats };
    this.loadNext();
  }

  loadNext() {
    if (this.loading !== null || this.wanted === null) return;
    this.loading = this.wanted;
    this.wanted = null;
    this.image.src = `data:image/jpeg;base64,${this.loading.frame.picture}`;
  }

  /** @param {boolean} isGood */
  loaded(isGood) {
    const { loading } = this;
    this.loading = null;
    if (isGood && loading !== null) {
      this.image.hidden = false;
      this.empty.hidden = true;
      this.showFrame(loading.frame, loading.formats);
    }
    this.loadNext();
  }

  /**
   * @param {LiveFrame} frame
   * @param {Formats} formats
   */
  showFrame(frame, formats) {
    this.shownFrame = frame.number;
    setText(this.episode, formats.integer(frame.episode));
    setText(this.step, formats.integer(frame.episode_step));
    setText(this.episodeReturn, formats.score(frame.episode_return));
    setAttribute(this.image, "alt", fill(this.labels.frame_alt, { n: formats.integer(frame.episode) }));
    this.actions.element.hidden = false;
    this.actions.show(frame, formats);
    if (this.tiles && frame.seen) this.seenImage.src = `data:${typeOf(frame.seen)};base64,${frame.seen}`;
  }

  drawSeen() {
    if (this.agentEpisode !== null || this.wanted !== null) return; // A newer one is to come, or an episode after the run.
    this.tiles?.draw(this.shownFrame, this.seenImage);
    this.seen.hidden = false;
  }

  /** @param {boolean} isActive */
  showWhen(isActive) {
    const over = this.agentEpisode === null ? this.labels.stage_over : this.labels.stage_agent;
    setText(this.heading, isActive ? this.labels.stage : over);
  }

  get isEmpty() {
    return this.image.hidden && this.agentEpisode === null;
  }

  /**
   * Plays an episode of the trained agent, over and over.
   * @param {import("./agent_episode.js").EpisodeSource} source
   * @param {Formats} formats
   */
  playAgent(source, formats) {
    if (this.agentEpisode?.isOf(source)) return;
    this.agentEpisode?.dispose();
    const episode = new AgentEpisode({
      source,
      labels: this.labels,
      onShow: (state, step) => this.showState(state, step, formats),
      onProblem: (text) => setText(this.empty, text),
    });
    this.agentEpisode = episode;
    this.seen.hidden = true;
    setText(this.empty, this.labels.agent_comes);
    this.head.replaceChildren(this.heading, episode.button.element);
    episode.button.element.hidden = true;
    this.box.replaceChildren(this.image, episode.canvas, this.empty);
  }

  /**
   * @param {ReturnType<import("../shared/episode.js").Episode["at"]>} state
   * @param {number} step
   * @param {Formats} formats
   */
  showState({ choice, returnSoFar }, step, formats) {
    this.image.hidden = true;
    this.empty.hidden = true;
    if (this.agentEpisode) this.agentEpisode.button.element.hidden = false;
    const ofRun = this.episode.parentElement;
    if (ofRun) ofRun.hidden = true; // It is no episode of the run's.
    setText(this.step, formats.integer(step));
    setText(this.episodeReturn, formats.score(returnSoFar));
    this.actions.element.hidden = false;
    if (choice) this.actions.show(choice, formats);
  }

  dispose() {
    this.agentEpisode?.dispose();
    this.wanted = null;
    this.image.removeAttribute("src");
  }
}

/**
 * Of a picture in base64.
 * @param {string} picture
 */
function typeOf(picture) {
  return picture.startsWith("iVBOR") ? "image/png" : "image/jpeg";
}
