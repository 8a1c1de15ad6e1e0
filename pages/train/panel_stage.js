// The running episode: its newest frame, and the Q-values that chose the action in it. After the run, an episode of the
// agent that it trained.

import { ActionBars } from "../shared/episode/action_bars.js";
import { DASH, fill, make, setAttribute, setText } from "../shared/browser/format.js";
import { SeenCard } from "../shared/episode/seen_view.js";
import { AgentEpisode } from "./agent_episode.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/format.js").Formats} Formats */
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
 * @property {string} [important] How much its choice hangs on each point of that, in the same places.
 */
/** @typedef {{frame: LiveFrame, formats: Formats}} Offered */
/** @typedef {{number: number, seen: HTMLImageElement, important: HTMLImageElement | null}} Seen Of a frame. */

export class StageView {
  /**
   * @param {Labels} labels
   * @param {string[]} actionNames
   * @param {object} [options]
   * @param {import("../shared/episode/seen_tiles.js").Layout | null} [options.layout] How an observation is a picture.
   * @param {[number, number] | null} [options.size] Width and height of the pictures, whose place is kept.
   * @param {() => void} [options.onSaliency] Hears that frames are wanted with it from now on, or without.
   */
  constructor(labels, actionNames, { layout = null, size = null, onSaliency = () => {} } = {}) {
    this.labels = labels;
    this.layout = layout;
    this.onSaliency = onSaliency;
    this.actions = new ActionBars(labels, actionNames);
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
    if (size) this.empty.style.aspectRatio = `${size[0]} / ${size[1]}`;
    this.box = make("div", { class: "dqn-frame-box" }, this.image, this.empty);
    this.card = layout ? new SeenCard({ layout, labels, onToggle: () => this.toggledSaliency() }) : null;
    this.seen = make("div", { class: "dqn-stage-seen" }, this.card?.element ?? "");
    this.seen.hidden = layout === null;
    /** @type {Seen | null} What the newest frame brought of it. */
    this.newestSeen = null;
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
    this.actions.show(frame, formats);
    if (this.card) this.takeSeen(frame);
  }

  /** Whether frames shall say how much the choice hangs on each point. */
  get wantsSaliency() {
    return this.card !== null && this.card.isImportantShown;
  }

  toggledSaliency() {
    this.onSaliency();
    this.drawSeen();
  }

  /** @param {LiveFrame} frame */
  async takeSeen({ number, seen: text = "", important: mattersText = "" }) {
    const [seen, important] = await Promise.all([decoded(text), decoded(mattersText)]);
    if (seen === null || number !== this.shownFrame) return; // A newer one has come.
    this.newestSeen = { number, seen, important };
    this.drawSeen();
  }

  drawSeen() {
    if (this.card === null || this.newestSeen === null || this.agentEpisode !== null) return;
    const { number, seen, important } = this.newestSeen;
    this.card.tiles.draw(number, seen, this.wantsSaliency ? important : null);
    this.card.say(this.wantsSaliency ? this.labels.saliency_help : "");
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
      layout: this.layout,
      formats,
      onSeen: (element) => this.seen.replaceChildren(element),
      onShow: (state, step) => this.showState(state, step, formats),
      onProblem: (text) => setText(this.empty, text),
    });
    this.agentEpisode = episode;
    setText(this.empty, this.labels.agent_comes);
    this.head.replaceChildren(this.heading, episode.button.element);
    episode.button.element.style.visibility = "hidden"; // It has its place already.
    this.box.replaceChildren(this.image, episode.canvas, this.empty);
  }

  /**
   * @param {ReturnType<import("../shared/episode/episode.js").Episode["at"]>} state
   * @param {number} step
   * @param {Formats} formats
   */
  showState({ choice, returnSoFar }, step, formats) {
    this.image.hidden = true;
    this.empty.hidden = true;
    if (this.agentEpisode) this.agentEpisode.button.element.style.visibility = "";
    const ofRun = this.episode.parentElement;
    if (ofRun) ofRun.hidden = true; // It is no episode of the run's.
    setText(this.step, formats.integer(step));
    setText(this.episodeReturn, formats.score(returnSoFar));
    if (choice) this.actions.show(choice, formats);
  }

  dispose() {
    this.agentEpisode?.dispose();
    this.wanted = null;
    this.image.removeAttribute("src");
  }
}

/**
 * A PNG or JPEG in base64, ready to be drawn; null for none.
 * @param {string} picture
 */
async function decoded(picture) {
  if (picture === "") return null;
  const image = new Image();
  image.src = `data:${picture.startsWith("iVBOR") ? "image/png" : "image/jpeg"};base64,${picture}`;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return image;
}
