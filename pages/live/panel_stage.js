// The running episode: its newest frame, and the Q-values that chose the action in it.

const SCALE_MEMORY = 0.97; // Share of the old scale kept at each frame, so that bars do not jump.

class StageView {
  constructor(labels, actionNames) {
    this.labels = labels;
    this.actionNames = actionNames;
    this.bars = [];
    this.scale = null;
    this.wanted = null;
    this.shownNumber = -1;
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
    this.mode = make("span", { class: "dqn-mode", "data-testid": "action-mode" });
    this.list = make("ul", { class: "dqn-q", "aria-label": this.labels.q_values, "data-testid": "q-values" });
    this.choices = make(
      "section",
      { class: "dqn-card" },
      make("div", { class: "dqn-card-head" }, make("h3", {}, this.labels.q_values), this.mode),
      this.list,
    );
    this.choices.hidden = true;
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
      this.choices,
    );
    this.image.addEventListener("load", () => this.loaded(true));
    this.image.addEventListener("error", () => this.loaded(false));
  }

  addFact(name) {
    const value = make("dd", {}, DASH);
    this.facts.append(make("div", {}, make("dt", {}, this.labels[name]), value));
    return value;
  }

  /** Takes note of the newest frame; it is fetched when the one before has arrived, however many came between. */
  offer(frame, url, formats) {
    if (frame.number === this.shownNumber) return;
    this.wanted = { frame, url, formats };
    this.loadNext();
  }

  loadNext() {
    if (this.isLoading || this.wanted === null) return;
    this.loading = this.wanted;
    this.wanted = null;
    this.isLoading = true;
    this.image.src = this.loading.url;
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
    this.shownNumber = frame.number;
    setText(this.episode, formats.integer(frame.episode));
    setText(this.step, formats.integer(frame.episode_step));
    setText(this.episodeReturn, formats.score(frame.episode_return));
    setAttribute(this.image, "alt", fill(this.labels.frame_alt, { n: formats.integer(frame.episode) }));
    this.showActions(frame, formats);
  }

  showWhen(isActive) {
    setText(this.heading, isActive ? this.labels.stage : this.labels.stage_over);
  }

  get isEmpty() {
    return this.image.hidden;
  }

  showActions({ q_values: values, action, is_greedy: isGreedy }, formats) {
    this.choices.hidden = false;
    while (this.bars.length < values.length) this.addBar(this.bars.length);
    const { low, high } = this.updateScale(values);
    values.forEach((value, index) => {
      const bar = this.bars[index];
      const at = (number) => (100 * (number - low)) / (high - low);
      bar.fill.style.left = `${at(Math.min(0, value))}%`;
      bar.fill.style.width = `${at(Math.max(0, value)) - at(Math.min(0, value))}%`;
      bar.zero.style.left = `${at(0)}%`;
      setText(bar.value, formats.quality(value));
      const choice = index !== action ? "none" : isGreedy ? "greedy" : "random";
      setAttribute(bar.item, "data-choice", choice);
      setText(bar.mark, { none: "", greedy: "▶", random: "◆" }[choice]);
      setText(bar.spoken, choice === "none" ? "" : this.labels[`move_${choice}`]);
    });
    setText(this.mode, this.labels[isGreedy ? "move_greedy" : "move_random"]);
    setAttribute(this.mode, "data-choice", isGreedy ? "greedy" : "random");
  }

  /** Ends of the bars' scale: grows at once with a larger value, shrinks slowly after it. */
  updateScale(values) {
    const low = Math.min(0, ...values);
    const high = Math.max(0, ...values);
    const { low: oldLow, high: oldHigh } = this.scale ?? { low, high };
    this.scale = {
      low: Math.min(low, SCALE_MEMORY * oldLow + (1 - SCALE_MEMORY) * low),
      high: Math.max(high, SCALE_MEMORY * oldHigh + (1 - SCALE_MEMORY) * high),
    };
    return this.scale.high > this.scale.low ? this.scale : { low: 0, high: 1 };
  }

  addBar(index) {
    const name = this.actionNames[index] ?? fill(this.labels.action_n, { n: index });
    const bar = {
      mark: make("span", { class: "dqn-q-mark", "aria-hidden": "true" }),
      fill: make("span", { class: "dqn-q-fill" }),
      zero: make("span", { class: "dqn-q-zero" }),
      value: make("span", { class: "dqn-q-value" }),
      spoken: make("span", { class: "dqn-spoken" }),
    };
    bar.item = make(
      "li",
      { "data-choice": "none" },
      make("span", { class: "dqn-q-name" }, bar.mark, name),
      make("span", { class: "dqn-q-track", "aria-hidden": "true" }, bar.fill, bar.zero),
      bar.value,
      bar.spoken,
    );
    this.bars.push(bar);
    this.list.append(bar.item);
  }

  dispose() {
    this.wanted = null;
    this.image.removeAttribute("src");
  }
}
