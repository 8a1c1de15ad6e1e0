// The running episode: its newest frame, and the Q-values that chose the action in it.

import { ActionBars } from "../shared/action_bars.js";
import { DASH, fill, make, setAttribute, setText } from "../shared/format.js";

export class StageView {
  constructor(labels, actionNames) {
    this.labels = labels;
    this.actions = new ActionBars(labels, actionNames);
    this.actions.element.hidden = true;
    this.wanted = null;
    this.isLoading = false;
    this.build();
  }

  build() {
    this.image = make("img", { class: "dqn-frame", "data-testid": "live-frame", alt: "", draggable: "false" });
    this.image.hidden = true;
    this.heading = make("h3", {}, this.labels.stage);
    this.empty = make("p", { class: "dqn-frame-empty" }, this.labels.waiting_frame);
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
        make("div", { class: "dqn-card-head" }, this.heading),
        make("div", { class: "dqn-frame-box" }, this.image, this.empty),
        this.facts,
      ),
      this.actions.element,
    );
    this.image.addEventListener("load", () => this.loaded(true));
    this.image.addEventListener("error", () => this.loaded(false));
  }

  addFact(name) {
    const value = make("dd", {}, DASH);
    this.facts.append(make("div", {}, make("dt", {}, this.labels[name]), value));
    return value;
  }

  /** Takes note of the newest frame; it is drawn when the one before is, however many came between. */
  offer(frame, formats) {
    this.wanted = { frame, formats };
    this.loadNext();
  }

  loadNext() {
    if (this.isLoading || this.wanted === null) return;
    this.loading = this.wanted;
    this.wanted = null;
    this.isLoading = true;
    this.image.src = `data:image/jpeg;base64,${this.loading.frame.picture}`;
  }

  loaded(isGood) {
    this.isLoading = false;
    if (isGood) {
      this.image.hidden = false;
      this.empty.hidden = true;
      this.showFrame(this.loading.frame, this.loading.formats);
    }
    this.loadNext();
  }

  showFrame(frame, formats) {
    setText(this.episode, formats.integer(frame.episode));
    setText(this.step, formats.integer(frame.episode_step));
    setText(this.episodeReturn, formats.score(frame.episode_return));
    setAttribute(this.image, "alt", fill(this.labels.frame_alt, { n: formats.integer(frame.episode) }));
    this.actions.element.hidden = false;
    this.actions.show(frame, formats);
  }

  showWhen(isActive) {
    setText(this.heading, isActive ? this.labels.stage : this.labels.stage_over);
  }

  get isEmpty() {
    return this.image.hidden;
  }

  dispose() {
    this.wanted = null;
    this.image.removeAttribute("src");
  }
}
