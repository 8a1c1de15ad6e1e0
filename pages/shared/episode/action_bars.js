// The Q-values of one state as labelled bars, one an action, with the action taken.

import { DASH, fill, make, setAttribute, setText } from "../browser/format.js";

const SCALE_MEMORY = 0.97; // Share of the old scale kept at each new state, so that bars do not jump.

/** @typedef {{low: number, high: number}} Scale Ends of the bars. */
/** @typedef {{q_values: (number | null)[], action: number | null, is_greedy: boolean | null}} Choice In one state. */

export class ActionBars {
  /**
   * `scale` fixes the ends of the bars; without it they follow the values.
   * @param {import("../browser/format.js").Labels} labels
   * @param {string[]} actionNames
   * @param {{scale?: Scale | null, showsGaps?: boolean}} options
   */
  constructor(labels, actionNames, { scale = null, showsGaps = false } = {}) {
    this.labels = labels;
    this.actionNames = actionNames;
    this.showsGaps = showsGaps;
    this.fixedScale = scale;
    /** @type {Scale | null} */
    this.scale = null;
    /** @type {ReturnType<typeof newBar>[]} */
    this.bars = [];
    this.mode = make("span", { class: "dqn-mode", "data-testid": "action-mode" });
    this.list = make("ul", { class: "dqn-q", "aria-label": labels.q_values, "data-testid": "q-values" });
    this.element = make(
      "section",
      { class: "dqn-card dqn-actions" },
      make("div", { class: "dqn-card-head" }, make("h2", {}, labels.q_values), this.mode),
      this.list,
    );
    actionNames.forEach((_, index) => this.addBar(index));
  }

  /**
   * `action` null: none was taken in this state.
   * @param {Choice} choice
   * @param {import("../browser/format.js").Formats} formats
   */
  show({ q_values: given, action, is_greedy: isGreedy }, formats) {
    const values = given.map((value) => value ?? 0);
    while (this.bars.length < values.length) this.addBar(this.bars.length);
    const { low, high } = this.fixedScale ?? this.updateScale(values);
    const best = Math.max(...values);
    values.forEach((value, index) => {
      const bar = this.bars[index];
      const at = (/** @type {number} */ number) => Math.min(100, Math.max(0, (100 * (number - low)) / (high - low)));
      bar.fill.style.left = `${at(Math.min(0, value))}%`;
      bar.fill.style.width = `${at(Math.max(0, value)) - at(Math.min(0, value))}%`;
      bar.zero.style.left = `${at(0)}%`;
      setText(bar.value, formats.quality(given[index]));
      setAttribute(bar.value, "value", String(given[index]));
      if (this.showsGaps) setText(bar.gap, value < best ? formats.quality(value - best) : "");
      const choice = index !== action ? "none" : isGreedy ? "greedy" : "random";
      setAttribute(bar.item, "data-choice", choice);
      setText(bar.mark, { none: "", greedy: "▶", random: "◆" }[choice]);
      setText(bar.spoken, choice === "none" ? "" : this.labels[`move_${choice}`]);
    });
    const mode = action === null ? "none" : isGreedy ? "greedy" : "random";
    setText(this.mode, this.labels[`move_${mode}`] ?? "");
    setAttribute(this.mode, "data-choice", mode);
  }

  /**
   * Ends of the bars' scale: grows at once with a larger value, shrinks slowly after it.
   * @param {number[]} values
   */
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

  /** @param {number} index */
  addBar(index) {
    const name = this.actionNames[index] ?? fill(this.labels.action_n, { n: index });
    const bar = newBar(name, this.showsGaps);
    this.bars.push(bar);
    this.list.append(bar.item);
  }
}

/**
 * The elements of one action.
 * @param {string} name
 * @param {boolean} showsGaps
 */
function newBar(name, showsGaps) {
  const parts = {
    mark: make("span", { class: "dqn-q-mark", "aria-hidden": "true" }),
    fill: make("span", { class: "dqn-q-fill" }),
    zero: make("span", { class: "dqn-q-zero" }),
    value: make("data", { class: "dqn-q-value" }, DASH),
    gap: make("span", { class: "dqn-q-gap" }),
    spoken: make("span", { class: "dqn-spoken" }),
  };
  const item = make(
    "li",
    { "data-choice": "none" },
    make("span", { class: "dqn-q-name" }, parts.mark, name),
    make("span", { class: "dqn-q-track", "aria-hidden": "true" }, parts.fill, parts.zero),
    make("span", { class: "dqn-q-numbers" }, parts.value, showsGaps ? parts.gap : null),
    parts.spoken,
  );
  return { ...parts, item };
}
