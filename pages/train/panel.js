// The live panel of one run: takes what the live socket brings, keeps it, and draws it at most about ten times a second.

import { make, makeFormats } from "../shared/browser/format.js";
import { follow } from "../shared/browser/live_socket.js";
import { readTheme } from "../shared/browser/plot_theme.js";
import { LiveChart } from "./panel_charts.js";
import { marksOf } from "./panel_marks.js";
import { EpisodeSeries } from "./panel_series.js";
import { StageView } from "./panel_stage.js";
import { ACTIVE_STATES, ChangesView, StatusView, TilesView } from "./panel_view.js";
import { isPresenting, Presentation, presentationScale } from "./presentation.js";

const DRAW_EVERY_MS = 100;
const DRAW_SHARE = 0.25; // Of the time, at most: on a slow machine the rest is for training and for clicks.
const OWN_CHANGE_MS = 1000; // A change made on this very page is rendered within this time, and needs no rerun.

/** @typedef {import("./panel_view.js").RunChange} RunChange */
/** @typedef {Record<string, string>} Colors By what is drawn in them. */
/**
 * @typedef {object} PanelData What Python hands over.
 * @property {string} run_id
 * @property {string[]} action_names
 * @property {import("../shared/episode/seen_tiles.js").Layout | null} [layout] How an observation is a picture.
 * @property {[number, number] | null} [picture_size] Width and height of the pictures, where they are known.
 * @property {boolean} watch_frames
 * @property {import("./agent_episode.js").EpisodeSource | null} [agent_episode] Of a run that is over.
 * @property {string} state The run's, as the page was rendered with it.
 * @property {Record<string, unknown> & {goal_score?: number | null}} settings
 * @property {string} locale
 * @property {import("../shared/browser/format.js").Labels} labels
 * @property {{light: Colors, dark: Colors}} palette
 * @property {import("./panel_charts.js").Template[]} charts
 */
/**
 * @typedef {object} RunStatus
 * @property {string} state
 * @property {string | null} reason
 * @property {string} message
 * @property {import("./panel_view.js").RunProgress | null} progress
 * @property {string[]} notices
 */
/**
 * @typedef {object} RunNews What is new in a run; with {@link RunStatus} a message of the live socket.
 * @property {{from: number, columns: Record<string, import("./panel_series.js").Column>}} episodes
 * @property {{from: number, items: RunChange[]}} changes
 * @property {import("./panel_stage.js").LiveFrame | null} frame
 */
/** @typedef {RunStatus & RunNews} RunUpdate */

export default class LivePanel {
  /**
   * @param {HTMLElement} parent
   * @param {PanelData} data
   */
  constructor(parent, data) {
    const { labels } = data;
    this.parent = parent;
    this.data = data;
    this.labels = labels;
    this.formats = makeFormats(data.locale);
    this.series = new EpisodeSeries();
    /** @type {RunChange[]} */
    this.changes = [];
    /** @type {import("./panel_marks.js").Mark[]} */
    this.marks = [];
    /** @type {RunStatus} */
    this.update = { state: data.state, reason: null, message: "", progress: null, notices: [] };
    /** @type {string | null} */
    this.sentState = null;
    /** @type {import("../shared/browser/mount.js").SetTriggerValue | undefined} */
    this.setTriggerValue = undefined;
    this.unfollow = () => {};
    this.hasHeard = false; // Whether the server has told anything yet.
    this.isScheduled = false;
    this.isDisposed = false;
    this.nextDraw = 0;
    this.cycleStart = 0;
    this.cycleMs = 0;
    this.request = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.settingsTimer = undefined;
    /** @type {number[]} Milliseconds of the latest drawings. */
    this.drawTimes = [];
    /** @type {StageView | null} */
    this.stage = null;
    this.theme = readTheme(parent, data.palette);
    this.goalShown = this.goal();
    this.status = new StatusView(labels);
    this.presentation = new Presentation(this.status.present, labels, () => this.present());
    this.tiles = new TilesView(labels);
    this.changesView = new ChangesView(labels);
    /** @type {[number, number] | null} */
    this.zoom = null;
    /** @type {LiveChart[]} */
    this.charts = data.charts.map((template) => {
      const chart = new LiveChart(template, labels, data.locale, {
        onStale: () => this.refresh(),
        onZoom: (range) => this.zoomAll(range),
        onHover: (x) => this.others(chart).forEach((each) => each.hover(x)),
      });
      return chart;
    });
    this.body = make(
      "div",
      { class: "dqn-body" },
      make("div", { class: "dqn-charts" }, ...this.charts.map((chart) => chart.card.element)),
    );
    this.root = make(
      "section",
      { class: "dqn-live", lang: data.locale, tabindex: "-1", "aria-label": labels.panel, "data-testid": "live-panel" },
      this.status.element,
      this.tiles.element,
      this.body,
      this.changesView.element,
    );
    this.root.classList.toggle("dqn-presented", isPresenting());
    parent.append(this.root);
    this.showStage();
    this.follow();
  }

  /**
   * What a panel is built from; where it differs, the panel is built anew.
   * @param {PanelData} data
   */
  static identityOf({ run_id, locale, labels, charts, action_names }) {
    return JSON.stringify([run_id, locale, labels, charts, action_names]);
  }

  /** Another size of letters, or of the screen that they are for. */
  present() {
    this.root.classList.toggle("dqn-presented", isPresenting());
    this.staleCharts();
    this.refresh();
  }

  /** Puts the running episode beside the charts, or takes it away; the charts keep their zoom. */
  showStage() {
    this.stage?.element.remove();
    this.stage?.dispose();
    const { action_names: names, layout, picture_size: size, watch_frames: isWatched } = this.data;
    this.stage = isWatched ? new StageView(this.labels, names, { layout, size, onSaliency: () => this.follow() }) : null;
    if (this.stage) this.body.append(this.stage.element);
    this.playAgent();
    this.giveStageRoom();
  }

  /** A run that is over shows what it trained. */
  playAgent() {
    const { agent_episode: source } = this.data;
    if (source && !this.isActive) this.stage?.playAgent(source, this.formats);
  }

  /** A run that is over sends no pictures: without one on the screen already, the charts take the stage's place. */
  giveStageRoom() {
    const hasStage = this.stage !== null && (this.isActive || !this.stage.isEmpty);
    this.body.classList.toggle("dqn-with-stage", hasStage);
    if (this.stage) this.stage.element.hidden = !hasStage;
  }

  /** Has the server tell of the run from here on. */
  follow() {
    this.unfollow();
    this.unfollow = follow({
      topic: "run",
      parameters: {
        run: this.data.run_id,
        frames: this.data.watch_frames,
        saliency: this.stage?.wantsSaliency ?? false,
      },
      cursor: { rows: this.series.length, changes: this.changes.length },
      language: this.data.locale,
      onData: (update) => this.receive(update),
      onProblem: (text) => this.status.showProblem(text),
      onConnection: (isConnected) => this.status.showProblem(isConnected ? "" : this.labels.connection_lost),
    });
  }

  /**
   * What Python rendered: the state it knows, and the goal among the settings.
   * @param {PanelData} data
   * @param {import("../shared/browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    const isWatchSwitched = data.watch_frames !== this.data.watch_frames;
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    publish(this);
    if (isWatchSwitched) {
      this.showStage();
      this.follow();
    }
    this.playAgent();
    const theme = readTheme(this.parent, data.palette);
    const isNewTheme = JSON.stringify(theme) !== JSON.stringify(this.theme);
    this.theme = theme;
    if (isNewTheme || this.goalShown !== this.goal()) this.staleCharts();
    this.tellState();
    this.refresh();
  }

  /**
   * One message of the run; false where rows before it are missing.
   * @param {RunUpdate} update
   */
  receive(update) {
    const rowsBefore = this.series.length;
    if (!this.series.append(update.episodes.from, update.episodes.columns)) return false;
    if (!this.addChanges(update.changes)) return false;
    this.hasHeard = true;
    const isNewState = update.state !== this.update.state;
    this.update = update;
    this.status.showProblem("");
    if (this.series.length !== rowsBefore) this.staleCharts();
    if (update.frame) this.stage?.offer(update.frame, this.formats);
    if (isNewState) this.drawWords(); // Somebody pressed a button and waits for its answer.
    this.tellState();
    this.refresh();
    return true;
  }

  /** @param {RunUpdate["changes"]} changes */
  addChanges({ from, items }) {
    if (from > this.changes.length) return false;
    const fresh = items.slice(this.changes.length - from);
    if (fresh.length > 0) {
      this.changes.push(...fresh);
      this.marks = marksOf(this.changes);
      this.staleCharts();
      clearTimeout(this.settingsTimer);
      this.settingsTimer = setTimeout(() => this.tellSettings(), OWN_CHANGE_MS);
    }
    return true;
  }

  /** Asks for a rerun of the page when the run's state is not the one that the page was rendered with. */
  tellState() {
    const { state } = this.update;
    if (!this.setTriggerValue || state === this.data.state) {
      this.sentState = null;
    } else if (state !== this.sentState) {
      this.sentState = state;
      this.setTriggerValue("state", state);
    }
  }

  /** Asks, once for the changes that came, for a rerun of a page that was rendered with other settings. */
  tellSettings() {
    const now = Object.fromEntries(this.changes.flatMap((item) => item.changes.map((each) => [each.field, each.new])));
    const isOther = Object.entries(now).some(([field, value]) => !isSame(value, this.data.settings[field]));
    if (isOther && this.isActive) this.setTriggerValue?.("settings", this.changes.length);
  }

  get isActive() {
    return ACTIVE_STATES.includes(this.update.state);
  }

  /**
   * The goal now: the newest live change of it, else the one that the page was rendered with.
   * @returns {number | null}
   */
  goal() {
    for (let i = this.changes.length - 1; i >= 0; i -= 1) {
      const change = this.changes[i].changes.find((each) => each.field === "goal_score");
      if (change) return typeof change.new === "number" ? change.new : null;
    }
    return this.data.settings.goal_score ?? null;
  }

  /** @param {LiveChart} chart */
  others(chart) {
    return this.charts.filter((each) => each !== chart);
  }

  /** @param {[number, number] | null} range */
  zoomAll(range) {
    this.zoom = range;
    this.staleCharts();
    this.refresh();
  }

  staleCharts() {
    for (const chart of this.charts) chart.isStale = true;
  }

  refresh() {
    if (this.isScheduled || this.isDisposed) return;
    this.isScheduled = true;
    const wait = Math.max(0, this.nextDraw - performance.now());
    this.timer = setTimeout(() => {
      this.request = requestAnimationFrame(() => this.drawCycle());
    }, wait);
  }

  drawCycle() {
    this.cycleStart = performance.now();
    this.cycleMs = 0;
    this.goalShown = this.goal();
    this.drawWords();
    this.drawCharts(this.canDraw() ? this.charts.filter((chart) => chart.isDue) : []);
  }

  /**
   * One chart an animation frame, so that a click never waits for all four.
   * @param {LiveChart[]} charts
   */
  drawCharts([chart, ...others]) {
    if (chart === undefined) {
      this.isScheduled = false;
      this.nextDraw = this.cycleStart + Math.max(DRAW_EVERY_MS, this.cycleMs / DRAW_SHARE);
      if (this.canDraw() && this.charts.some((each) => each.isWaiting)) this.refresh();
      return;
    }
    const start = performance.now();
    chart.draw(this.view());
    const took = performance.now() - start;
    this.cycleMs += took;
    this.drawTimes.push(took);
    if (this.drawTimes.length > 1000) this.drawTimes.shift();
    this.request = requestAnimationFrame(() => this.drawCharts(others));
  }

  canDraw() {
    return this.charts.every((chart) => chart.card.Plotly) && this.series.length > 0;
  }

  view() {
    return {
      series: this.series,
      marks: this.marks,
      goal: this.goal(),
      theme: this.theme,
      formats: this.formats,
      fileName: this.data.run_id,
      zoom: this.zoom,
      scale: isPresenting() ? presentationScale(window) : 1,
    };
  }

  drawWords() {
    const { state, reason, progress } = this.update;
    const { isActive } = this;
    this.status.showState(state, reason, this.update.message);
    this.status.showProgress(progress, state, this.formats);
    this.status.showNotices(this.update.notices);
    this.tiles.show(progress, isActive, this.goal(), this.formats);
    this.changesView.show(this.changes, this.formats);
    const waitingFor = this.waitingFor();
    for (const chart of this.charts) {
      chart.showIfFilled(this.series);
      chart.showEmpty(waitingFor);
      chart.paintLegend(this.theme, this.goalShown);
    }
    this.giveStageRoom();
    this.stage?.showWhen(isActive);
  }

  /** Why there are no curves yet; empty where there are. */
  waitingFor() {
    const { labels, update } = this;
    if (this.canDraw()) return "";
    if (update.state === "queued") return labels.waiting_turn;
    if (update.state === "starting") return labels.preparing;
    if (!this.hasHeard || this.series.length > 0) return labels.loading_curves;
    if (!this.isActive) return labels.no_episodes;
    return update.progress?.phase === "warmup" ? labels.filling_memory : labels.waiting_first_episode;
  }

  dispose() {
    this.isDisposed = true;
    clearTimeout(this.timer);
    clearTimeout(this.settingsTimer);
    cancelAnimationFrame(this.request);
    this.unfollow();
    this.presentation.dispose();
    this.stage?.dispose();
    for (const chart of this.charts) chart.dispose();
    this.root.remove();
  }
}

/**
 * For tests and the curious: what the page's panel holds.
 * @param {LivePanel} panel
 */
function publish(panel) {
  window.dqnLabPanel = {
    rows: () => panel.series.length,
    episodes: () => [...panel.series.column("episode")],
    changes: () => panel.changes.length,
    charts: () => panel.charts.map((chart) => chart.id),
    state: () => panel.update.state,
    drawTimes: () => [...panel.drawTimes],
  };
}

/**
 * Whether two settings are the same; widths of layers are lists.
 * @param {unknown} one
 * @param {unknown} other
 */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
