// What stands above the charts: the run's state, its progress and the tiles; and the list of live changes below.

import { DASH, duration, fill, make, setAttribute, setText } from "../shared/browser/format.js";

const TILES = ["episodes", "env_steps", "steps_per_s", "epsilon", "last_return", "mean_100", "best_eval", "compute"];
const NOTICES_AT_MOST = 3;
export const ACTIVE_STATES = ["queued", "starting", "running", "paused"];

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {import("../shared/browser/format.js").Formats} Formats */
/**
 * @typedef {object} RunProgress Where a run stands, in numbers; null where there is none yet.
 * @property {number} wall_time_s
 * @property {number} env_step
 * @property {number} episodes Finished ones.
 * @property {"warmup" | "training"} phase
 * @property {number} epsilon
 * @property {number | null} steps_per_s
 * @property {number} fraction Of the run that is done.
 * @property {number | null} eta_s
 * @property {number | null} return_mean_100
 * @property {number | null} last_return
 * @property {number | null} best_eval
 * @property {string} compute
 * @property {number} max_episodes
 */
/**
 * @typedef {object} RunChange Settings that were changed at once while the run trained.
 * @property {string} text
 * @property {number} episode
 * @property {number} wall_time_s Since the run began.
 * @property {{field: string, new: unknown}[]} changes
 */

export class StatusView {
  /** @param {Labels} labels */
  constructor(labels) {
    this.labels = labels;
    this.badge = make("span", { class: "dqn-badge", "data-testid": "run-state" });
    this.message = make("span", { class: "dqn-message", "data-testid": "run-message" });
    this.times = make("div", { class: "dqn-times" });
    this.present = make("button", {
      type: "button",
      class: "dqn-present",
      title: labels.present_help,
      "data-testid": "present",
    });
    this.fill = make("div", { class: "dqn-bar-fill" });
    this.percent = make("span", { class: "dqn-percent", "aria-hidden": "true" });
    this.bar = make(
      "div",
      {
        class: "dqn-bar",
        role: "progressbar",
        "aria-label": labels.progress,
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "data-testid": "progress",
      },
      this.fill,
    );
    this.connection = make("p", { class: "dqn-connection", role: "status", "data-testid": "connection" });
    this.connection.hidden = true;
    this.notices = make("ul", { class: "dqn-notices", "data-testid": "notices", "aria-label": labels.notices });
    this.notices.hidden = true;
    /** @type {string | undefined} */
    this.lastNotice = undefined;
    this.element = make(
      "header",
      { class: "dqn-status" },
      make(
        "div",
        { class: "dqn-status-line" },
        make("div", { class: "dqn-state", role: "status" }, this.badge, this.message),
        this.times,
        this.present,
      ),
      make("div", { class: "dqn-progress" }, this.bar, this.percent),
      this.connection,
      this.notices,
    );
    this.elapsed = this.addTime(labels.elapsed, "elapsed");
    this.left = this.addTime(labels.time_left, "eta");
  }

  /**
   * @param {string} label
   * @param {string} name
   */
  addTime(label, name) {
    const value = make("b", { "data-testid": name }, DASH);
    const element = make("span", {}, `${label} `, value);
    this.times.append(element);
    return { element, value };
  }

  /**
   * @param {string} state
   * @param {string | null} reason
   * @param {string} message
   */
  showState(state, reason, message) {
    const solved = reason === "solved" && state === "finished";
    setText(this.badge, solved ? this.labels.solved : (this.labels[`state_${state}`] ?? state));
    setAttribute(this.badge, "data-state", solved ? "solved" : state);
    setText(this.message, message);
  }

  /**
   * A run that ended by its own rule is done, however many episodes it was allowed.
   * @param {RunProgress | null} progress
   * @param {string} state
   * @param {Formats} formats
   */
  showProgress(progress, state, formats) {
    const isActive = ACTIVE_STATES.includes(state);
    const share = state === "finished" ? 1 : Math.min(1, Math.max(0, progress?.fraction ?? 0));
    const percent = formats.percent(share);
    this.fill.style.transform = `scaleX(${share})`;
    setText(this.percent, percent);
    setAttribute(this.bar, "aria-valuenow", String(Math.round(share * 100)));
    setAttribute(this.bar, "aria-valuetext", percent);
    setText(this.elapsed.value, duration(progress?.wall_time_s));
    setText(this.left.value, isActive ? duration(progress?.eta_s) : DASH);
    this.left.element.hidden = !isActive;
  }

  /**
   * Why nothing new comes; empty where it does.
   * @param {string} text
   */
  showProblem(text) {
    setText(this.connection, text);
    this.connection.hidden = text === "";
  }

  /** @param {string[]} texts */
  showNotices(texts) {
    const newest = texts.slice(-NOTICES_AT_MOST);
    if (this.notices.childElementCount === newest.length && this.lastNotice === newest.at(-1)) return;
    this.lastNotice = newest.at(-1);
    this.notices.replaceChildren(...newest.map((text) => make("li", {}, text)));
    this.notices.hidden = newest.length === 0;
  }
}

export class TilesView {
  /** @param {Labels} labels */
  constructor(labels) {
    this.labels = labels;
    /** @type {Map<string, {value: HTMLElement, detail: HTMLElement}>} */
    this.values = new Map();
    this.element = make("dl", { class: "dqn-tiles", "aria-label": labels.tiles });
    for (const name of TILES) this.element.append(this.tile(name));
  }

  /** @param {string} name */
  tile(name) {
    const value = make("span", { class: "dqn-value" }, DASH);
    const detail = make("span", { class: "dqn-detail" });
    this.values.set(name, { value, detail });
    return make(
      "div",
      { class: "dqn-tile", "data-testid": `tile-${name.replaceAll("_", "-")}` },
      make("dt", {}, this.labels[`tile_${name}`]),
      make("dd", {}, value, detail),
    );
  }

  /**
   * @param {string} name
   * @param {string} value
   * @param {string} detail
   */
  set(name, value, detail = "") {
    const tile = this.values.get(name);
    if (!tile) return;
    setText(tile.value, value);
    setText(tile.detail, detail);
  }

  /**
   * @param {RunProgress | null} progress
   * @param {boolean} isActive
   * @param {number | null} goal
   * @param {Formats} formats
   */
  show(progress, isActive, goal, formats) {
    if (!progress) return;
    const rate = isActive ? progress.steps_per_s : progress.env_step / progress.wall_time_s; // of the whole run
    this.set("episodes", formats.integer(progress.episodes), ` / ${formats.integer(progress.max_episodes)}`);
    this.set("env_steps", formats.integer(progress.env_step));
    this.set("steps_per_s", formats.integer(rate));
    this.set("epsilon", formats.epsilon(progress.epsilon));
    this.set("last_return", formats.score(progress.last_return));
    this.set("mean_100", formats.score(progress.return_mean_100));
    const aim = goal === null ? "" : ` / ${formats.significant(goal)}`;
    this.set("best_eval", formats.score(progress.best_eval), aim);
    this.set("compute", progress.compute || DASH);
  }
}

/** Every live change in words, for those whose label found no room in a chart and for screen readers. */
export class ChangesView {
  /** @param {Labels} labels */
  constructor(labels) {
    this.labels = labels;
    this.count = 0;
    this.list = make("ol", { class: "dqn-changes", "data-testid": "changes", "aria-label": labels.changes });
    this.element = make(
      "section",
      { class: "dqn-card dqn-changes-card" },
      make("h2", {}, labels.changes),
      this.list,
    );
    this.element.hidden = true;
  }

  /**
   * @param {RunChange[]} changes
   * @param {Formats} formats
   */
  show(changes, formats) {
    for (const item of changes.slice(this.count)) {
      const when = fill(this.labels.at_episode, { n: formats.integer(item.episode) });
      this.list.prepend(make("li", {}, make("span", { class: "dqn-when" }, when), " ", item.text));
    }
    this.count = changes.length;
    this.element.hidden = changes.length === 0;
  }
}
