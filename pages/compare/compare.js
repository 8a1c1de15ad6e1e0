// Several runs over each other: asks the server for the figure and its tables, again and again while any of the runs
// trains, and draws what comes. Zoom, legend and opened rows are the browser's own and outlast every answer.

import { fill, make, makeFormats, setText } from "../shared/browser/format.js";
import { legendButton, paintedLayout, PlotCard, swatch } from "../shared/browser/plot_card.js";
import { readTheme, withAlpha } from "../shared/browser/plot_theme.js";
import { DownloadMenu, GroupTable, replaceUnlessSame } from "./compare_tables.js";

const POLL_MS = 1500;
const POLL_SHARE = 8; // A slow answer is asked for so many times less often than it takes.
const RETRY_MS = 3000;
const AFTER_ZOOM_MS = 120;
const PICTURE_HEAD_PX = 60; // For the legend.
const POINTS_ON_SCREEN = 24000; // Of all lines together: what a browser draws in a tenth of a second.

/** @typedef {import("../shared/browser/plot_theme.js").Theme<string[]>} CompareTheme */
/** @typedef {import("./compare_tables.js").Group} Group */
/**
 * @typedef {object} CompareData What Python hands over.
 * @property {string} query
 * @property {string} x
 * @property {string} y
 * @property {boolean} log
 * @property {string} locale
 * @property {{light: string[], dark: string[]}} series
 * @property {import("../shared/browser/format.js").Labels} labels
 */
/**
 * @typedef {object} Answer What the server tells of the runs.
 * @property {string} version
 * @property {boolean} active Whether any of the runs trains.
 * @property {string[]} missing
 * @property {Group[]} groups
 * @property {{label: string, help: string}[]} metrics
 * @property {string[]} fields
 * @property {{data: any[], layout: any}} figure
 */

export default class CompareView {
  /**
   * @param {HTMLElement} parent
   * @param {CompareData} data
   */
  constructor(parent, data) {
    this.parent = parent;
    this.data = data;
    this.isNew = true;
    this.isDisposed = false;
    this.theme = readTheme(parent, data.series);
    this.labels = data.labels;
    this.formats = makeFormats(data.locale);
    /** @type {Set<string>} Keys of groups that the legend has switched off. */
    this.hidden = new Set();
    /** @type {Set<string>} Keys of groups whose runs the table shows. */
    this.opened = new Set();
    /** @type {number[] | null} Visible part of x while zoomed in. */
    this.range = null;
    /** @type {Answer | null} */
    this.answer = null;
    this.answered = ""; // The query that `answer` is for.
    /** @type {number[]} */
    this.drawTimes = [];
    /** @type {AbortController | null} */
    this.asking = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    const { labels } = data;
    this.legend = make("div", { class: "dqn-tools", role: "group", "aria-label": labels.legend });
    this.downloads = new DownloadMenu(labels, (format) => this.downloadPicture(format));
    this.status = make("p", { class: "dqn-compare-status", role: "status" });
    this.card = new PlotCard({
      testId: "compare-plot",
      labels,
      locale: data.locale,
      onChange: () => this.draw(),
      plot: { "aria-label": labels.figure },
      head: [this.legend, this.downloads.element],
      below: [this.status],
    });
    this.card.showEmpty(labels.loading);
    this.results = new GroupTable(labels.results, "compare-results", labels, (id) => this.runHref(id));
    this.settings = new GroupTable(labels.differences, "compare-settings", labels, (id) => this.runHref(id));
    this.notes = make("ul", { class: "dqn-compare-notes" });
    this.root = make(
      "section",
      { class: "dqn-live dqn-compare", lang: data.locale, "aria-label": labels.figure, "data-testid": "compare" },
      this.card.element,
      this.notes,
      this.results.element,
      this.settings.element,
    );
    parent.append(this.root);
    this.onVisibility = () => void this.ask();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  /** @param {CompareData} data */
  static identityOf({ locale }) {
    return locale;
  }

  /**
   * What Python rendered: the runs and choices, as a query.
   * @param {CompareData} data
   */
  accept(data) {
    publish(this);
    const isOtherX = this.data.x !== data.x;
    const isNew = this.isNew || this.data.query !== data.query;
    this.isNew = false;
    this.data = data;
    if (isOtherX) this.range = null;
    this.theme = readTheme(this.parent, data.series);
    this.downloads.point("live/compare", data.query);
    if (isNew) this.ask();
    else this.draw();
  }

  /** @param {string} id */
  runHref(id) {
    return `train?run=${encodeURIComponent(id)}&lang=${encodeURIComponent(this.formats.locale)}`;
  }

  get query() {
    const range = this.range ? `&from=${this.range[0]}&to=${this.range[1]}` : "";
    return `${this.data.query}&points=${POINTS_ON_SCREEN}${range}`;
  }

  /** Asks now, and plans the next time; of answers that cross, the newest question's counts. */
  async ask() {
    clearTimeout(this.timer);
    this.asking?.abort();
    if (this.isDisposed || document.hidden) return;
    const { query } = this;
    const known = query === this.answered ? this.answer?.version : "";
    const asking = new AbortController();
    this.asking = asking;
    const start = performance.now();
    try {
      const url = `live/compare/figure.json?${query}&known=${known}`;
      const response = await fetch(url, { signal: asking.signal });
      const answer = await response.json();
      if (response.ok) this.receive(answer, query);
      else this.say(answer.error);
      this.plan(response.ok ? (this.answer?.active ?? false) : true, performance.now() - start);
    } catch {
      if (asking.signal.aborted || this.isDisposed) return;
      this.say(this.labels.connection_lost);
      this.timer = setTimeout(() => this.ask(), RETRY_MS);
    }
  }

  /**
   * @param {boolean} isActive
   * @param {number} took Milliseconds of the last answer.
   */
  plan(isActive, took) {
    if (isActive) this.timer = setTimeout(() => this.ask(), Math.max(POLL_MS, took * POLL_SHARE));
  }

  /**
   * @param {Answer & {unchanged?: boolean}} answer
   * @param {string} query
   */
  receive(answer, query) {
    const known = answer.unchanged && this.answer ? { ...this.answer, active: answer.active } : answer;
    this.answer = known;
    this.answered = query;
    const { missing, active } = known;
    const parts = [active ? this.labels.still_training : "", missing.length ? fill(this.labels.missing, { count: missing.length }) : ""];
    this.say(parts.filter(Boolean).join(" "));
    if (!answer.unchanged) this.draw();
  }

  /** @param {string} text */
  say(text) {
    setText(this.status, text);
    this.status.hidden = text === "";
  }

  draw() {
    if (!this.answer || this.isDisposed) return;
    const { groups, metrics, fields } = this.answer;
    this.drawLegend(groups);
    const mark = (/** @type {Group} */ group) => this.swatch(groups.indexOf(group));
    this.results.show(groups, metrics, (each) => each.metrics, mark, this.opened, () => this.draw());
    this.settings.show(fields.length > 0 ? groups : [], fields.map((label) => ({ label, help: "" })), (each) => each.settings, mark);
    this.notes.replaceChildren(...groups.flatMap((group) => group.notes.map((note) => this.note(mark(group), group, note))));
    this.drawFigure(this.answer);
  }

  /**
   * @param {Node} mark
   * @param {Group} group
   * @param {string} text
   */
  note(mark, group, text) {
    return make("li", {}, mark, make("b", {}, group.name), ` ${text}`);
  }

  /** @param {Answer} answer */
  drawFigure({ figure, groups }) {
    this.card.showEmpty(figure.data.length === 0 ? this.labels.nothing : "");
    if (!this.card.isReady || this.card.isDragged) return;
    const start = performance.now();
    const isFirst = !this.card.isDrawn;
    this.card.draw(figure.data.map((trace) => this.painted(trace, groups)), this.layout(figure));
    if (isFirst) this.card.plot.on("plotly_relayout", (change) => this.onZoom(change));
    this.drawTimes.push(performance.now() - start);
  }

  /** @param {number} group */
  color(group) {
    return this.theme.colors[group % this.theme.colors.length];
  }

  /**
   * @param {any} trace
   * @param {Group[]} groups
   */
  painted(trace, groups) {
    const { group, part } = trace.meta;
    const color = this.color(group);
    const visible = !this.hidden.has(groups[group].key);
    if (part === "band") return { ...trace, visible, fillcolor: withAlpha(color, this.theme.isDark ? 0.24 : 0.18) };
    const line = trace.line && { ...trace.line, color };
    const marker = { ...trace.marker, color };
    if (part === "mark") marker.line = { ...marker.line, color: this.theme.background };
    return { ...trace, visible, line, marker, textfont: { color: this.theme.text, size: 11 } };
  }

  /** @param {{layout: any}} figure */
  layout({ layout }) {
    const { theme, data } = this;
    const painted = paintedLayout(layout, theme, this.formats, this.color(0));
    const scale = data.log ? "log" : "linear";
    return {
      ...painted,
      xaxis: { ...painted.xaxis, showline: true },
      // A range chosen for one quantity or scale means nothing on another: the switch drops it.
      yaxis: { ...painted.yaxis, type: scale, uirevision: `${data.y} ${scale}` },
    };
  }

  /**
   * The part of x in view is asked for again, in more detail.
   * @param {Record<string, unknown>} change
   */
  onZoom(change) {
    const names = Object.keys(change);
    if (!names.some((name) => name.startsWith("xaxis"))) return;
    const { range, autorange } = this.card.plot.layout.xaxis;
    this.range = autorange === false || names.includes("xaxis.range[0]") ? range.map((/** @type {unknown} */ end) => Number(end)) : null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), AFTER_ZOOM_MS);
  }

  // ---- legend ----

  /** @param {number} group */
  dash(group) {
    return ["solid", "dash", "dot", "dash"][Math.floor(group / this.theme.colors.length) % 4];
  }

  /** @param {number} group */
  swatch(group) {
    return swatch(this.dash(group), `color: ${this.color(group)}`);
  }

  /** @param {Group[]} groups */
  drawLegend(groups) {
    const entries = groups.map((group, place) =>
      legendButton({
        name: group.name,
        kind: this.dash(place),
        testId: "compare-legend",
        isShown: !this.hidden.has(group.key),
        style: `color: ${this.color(place)}`,
        onPress: () => {
          if (!this.hidden.delete(group.key)) this.hidden.add(group.key);
          this.draw();
        },
      }),
    );
    replaceUnlessSame(this.legend, entries.map(({ button }) => button));
  }

  /**
   * The figure with the legend that the page keeps outside of it.
   * @param {"png" | "svg"} format
   */
  downloadPicture(format) {
    if (!this.card.isDrawn) return;
    const named = new Set();
    const data = this.card.plot.data.map((trace) => {
      const isFirst = ["mean", "run"].includes(trace.meta.part) && !named.has(trace.meta.group);
      if (isFirst) named.add(trace.meta.group);
      return { ...trace, showlegend: isFirst };
    });
    const legend = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", maxheight: 0.2 };
    const layout = { showlegend: true, legend };
    this.card.savePicture({ fileName: "compare", head: PICTURE_HEAD_PX, format, data, layout });
  }

  dispose() {
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.card.dispose();
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.root.remove();
  }
}

/**
 * For tests and the curious: what the page's comparison holds.
 * @param {CompareView} view
 */
function publish(view) {
  window.dqnLabCompare = {
    answer: () => view.answer,
    asked: () => view.answered,
    drawTimes: () => [...view.drawTimes],
  };
}
