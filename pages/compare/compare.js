// Several runs over each other: asks the server for the figure and its tables, again and again while any of the runs
// trains, and draws what comes. Zoom, legend and opened rows are the browser's own and outlast every answer.

import { fill, make, makeFormats, setText } from "../shared/format.js";
import { legendButton, paintedLayout, PlotCard, swatch } from "../shared/plot_card.js";
import { readTheme, withAlpha } from "../shared/plot_theme.js";
import { DownloadMenu, GroupTable, replaceUnlessSame } from "./compare_tables.js";

const POLL_MS = 1500;
const POLL_SHARE = 8; // A slow answer is asked for so many times less often than it takes.
const RETRY_MS = 3000;
const AFTER_ZOOM_MS = 120;
const PICTURE_HEAD_PX = 60; // For the legend.
const POINTS_ON_SCREEN = 24000; // Of all lines together: what a browser draws in a tenth of a second.

export default class CompareView {
  constructor(parent, data) {
    this.parent = parent;
    this.labels = data.labels;
    this.formats = makeFormats(data.locale);
    this.hidden = new Set(); // Keys of groups that the legend has switched off.
    this.opened = new Set(); // Keys of groups whose runs the table shows.
    this.range = null; // Visible part of x while zoomed in.
    this.answer = null;
    this.answered = ""; // The query that `answer` is for.
    this.drawTimes = [];
    this.build(data);
  }

  static identityOf({ locale }) {
    return locale;
  }

  build(data) {
    const { labels } = this;
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
    this.parent.append(this.root);
    this.onVisibility = () => this.ask();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  /** What Python rendered: the runs and choices, as a query. */
  accept(data) {
    publish(this);
    const isOtherX = this.data && this.data.x !== data.x;
    const isNew = !this.data || this.data.query !== data.query;
    this.data = data;
    if (isOtherX) this.range = null;
    this.theme = readTheme(this.parent, data.series);
    this.downloads.point(`${data.base_path}/live/compare`, data.query);
    if (isNew) this.ask();
    else this.draw();
  }

  runHref(id) {
    return `${this.data.base_path}/?run=${encodeURIComponent(id)}&lang=${encodeURIComponent(this.formats.locale)}`;
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
    const known = query === this.answered ? this.answer.version : "";
    const asking = new AbortController();
    this.asking = asking;
    const start = performance.now();
    try {
      const url = `${this.data.base_path}/live/compare/figure.json?${query}&known=${known}`;
      const response = await fetch(url, { signal: asking.signal });
      const answer = await response.json();
      if (response.ok) this.receive(answer, query);
      else this.say(answer.error);
      this.plan(response.ok ? this.answer.active : true, performance.now() - start);
    } catch {
      if (asking.signal.aborted || this.isDisposed) return;
      this.say(this.labels.connection_lost);
      this.timer = setTimeout(() => this.ask(), RETRY_MS);
    }
  }

  plan(isActive, took) {
    if (isActive) this.timer = setTimeout(() => this.ask(), Math.max(POLL_MS, took * POLL_SHARE));
  }

  receive(answer, query) {
    if (answer.unchanged) this.answer.active = answer.active;
    else this.answer = answer;
    this.answered = query;
    const { missing, active } = this.answer;
    const parts = [active ? this.labels.still_training : "", missing.length ? fill(this.labels.missing, { count: missing.length }) : ""];
    this.say(parts.filter(Boolean).join(" "));
    if (!answer.unchanged) this.draw();
  }

  say(text) {
    setText(this.status, text);
    this.status.hidden = text === "";
  }

  draw() {
    if (!this.answer || this.isDisposed) return;
    this.drawLegend();
    const { groups, metrics, fields } = this.answer;
    const mark = (group) => this.swatch(groups.indexOf(group));
    this.results.show(groups, metrics, (each) => each.metrics, mark, this.opened, () => this.draw());
    this.settings.show(fields.length > 0 ? groups : [], fields.map((label) => ({ label, help: "" })), (each) => each.settings, mark);
    this.notes.replaceChildren(...groups.flatMap((group) => group.notes.map((note) => this.note(group, note))));
    this.drawFigure();
  }

  note(group, text) {
    return make("li", {}, this.swatch(this.answer.groups.indexOf(group)), make("b", {}, group.name), ` ${text}`);
  }

  drawFigure() {
    const { figure } = this.answer;
    this.card.showEmpty(figure.data.length === 0 ? this.labels.nothing : "");
    if (!this.card.isReady || this.card.isDragged) return;
    const start = performance.now();
    const isFirst = !this.card.isDrawn;
    this.card.draw(figure.data.map((trace) => this.painted(trace)), this.layout());
    if (isFirst) this.card.plot.on("plotly_relayout", (change) => this.onZoom(change));
    this.drawTimes.push(performance.now() - start);
  }

  color(group) {
    return this.theme.colors[group % this.theme.colors.length];
  }

  painted(trace) {
    const { group, part } = trace.meta;
    const color = this.color(group);
    const visible = !this.hidden.has(this.answer.groups[group].key);
    if (part === "band") return { ...trace, visible, fillcolor: withAlpha(color, this.theme.isDark ? 0.24 : 0.18) };
    const line = trace.line && { ...trace.line, color };
    const marker = { ...trace.marker, color };
    if (part === "mark") marker.line = { ...marker.line, color: this.theme.background };
    return { ...trace, visible, line, marker, textfont: { color: this.theme.text, size: 11 } };
  }

  layout() {
    const { theme, data } = this;
    const { layout } = this.answer.figure;
    const painted = paintedLayout(layout, theme, this.formats, this.color(0));
    const scale = data.log ? "log" : "linear";
    return {
      ...painted,
      xaxis: { ...painted.xaxis, showline: true },
      // A range chosen for one quantity or scale means nothing on another: the switch lets go of it.
      yaxis: { ...painted.yaxis, type: scale, uirevision: `${data.y} ${scale}` },
    };
  }

  /** The part of x in view is asked for again, in more detail. */
  onZoom(change) {
    const names = Object.keys(change);
    if (!names.some((name) => name.startsWith("xaxis"))) return;
    const { range, autorange } = this.card.plot.layout.xaxis;
    this.range = autorange === false || names.includes("xaxis.range[0]") ? range.map((end) => Number(end)) : null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), AFTER_ZOOM_MS);
  }

  // ---- legend ----

  dash(group) {
    return ["solid", "dash", "dot", "dash"][Math.floor(group / this.theme.colors.length) % 4];
  }

  swatch(group) {
    return swatch(this.dash(group), `color: ${this.color(group)}`);
  }

  drawLegend() {
    const entries = this.answer.groups.map((group, place) =>
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

  /** The figure with the legend that the page keeps outside of it. */
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

/** For tests and the curious: what the page's comparison holds. */
function publish(view) {
  window.dqnLabCompare = {
    answer: () => view.answer,
    asked: () => view.answered,
    drawTimes: () => [...view.drawTimes],
  };
}
