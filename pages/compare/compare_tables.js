// The tables below the figure, a row a group, and the menu of downloads.

import { fill, make, setAttribute } from "../shared/browser/format.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {string | [string, string]} Cell A value, and what stands beside it. */
/** @typedef {{id: string, name: string, seed: number, state: string, metrics: string[]}} GroupRun */
/**
 * @typedef {object} Group Runs that differ by their seed alone.
 * @property {string} key
 * @property {string} name
 * @property {GroupRun[]} runs
 * @property {Cell[]} metrics
 * @property {Cell[]} settings
 * @property {string[]} notes
 */
/** @typedef {{opened: Set<string>, isOpen: boolean, onToggle: () => void}} Toggle */

/** @type {WeakMap<Element, string>} */
const shownHtml = new WeakMap();

/**
 * Replaces the children of `element` where they would look different: focus stays where nothing changed.
 * @param {HTMLElement} element
 * @param {Element[]} children
 */
export function replaceUnlessSame(element, children) {
  const html = children.map((child) => child.outerHTML).join("");
  if (shownHtml.get(element) === html) return;
  const active = [...element.querySelectorAll("button")].findIndex((button) => button === document.activeElement);
  shownHtml.set(element, html);
  element.replaceChildren(...children);
  if (active >= 0) element.querySelectorAll("button")[active]?.focus();
}

export class GroupTable {
  /**
   * `runHref(id)` gives the address of a run's own page.
   * @param {string} title
   * @param {string} testId
   * @param {Labels} labels
   * @param {(id: string) => string} runHref
   */
  constructor(title, testId, labels, runHref) {
    this.labels = labels;
    this.runHref = runHref;
    this.head = make("tr");
    this.body = make("tbody");
    this.element = make(
      "section",
      { class: "dqn-card", "data-testid": testId },
      make("div", { class: "dqn-card-head" }, make("h2", {}, title)),
      make("div", { class: "dqn-compare-scroll", tabindex: "0", role: "region", "aria-label": title },
        make("table", {}, make("thead", {}, this.head), this.body)),
    );
  }

  /**
   * A row for each of `groups`; with `opened`, a group's runs can be opened below it.
   * @param {Group[]} groups
   * @param {{label: string, help: string}[]} columns
   * @param {(group: Group) => Cell[]} cells
   * @param {(group: Group) => Node} swatch
   * @param {Set<string>} [opened]
   * @param {() => void} [onToggle]
   */
  show(groups, columns, cells, swatch, opened, onToggle = () => undefined) {
    this.element.hidden = groups.length === 0;
    const heads = columns.map(({ label, help }) => make("th", help ? { scope: "col", title: help } : { scope: "col" }, label));
    replaceUnlessSame(this.head, [make("th", { scope: "col" }, this.labels.group), ...heads]);
    const rows = groups.flatMap((group) => {
      const isOpen = opened?.has(group.key) ?? false;
      const own = this.groupRow(group, cells(group), swatch(group), opened && { opened, isOpen, onToggle });
      return isOpen ? [own, ...group.runs.map((run) => this.runRow(run))] : [own];
    });
    replaceUnlessSame(this.body, rows);
  }

  /**
   * @param {Group} group
   * @param {Cell[]} cells
   * @param {Node} swatch
   * @param {Toggle} [toggle]
   */
  groupRow(group, cells, swatch, toggle) {
    const name = toggle ? this.toggleButton(group, toggle) : make("span", {}, group.name);
    return make("tr", {}, make("th", { scope: "row" }, make("span", { class: "dqn-compare-name" }, swatch, name)), ...cells.map((cell) => this.cell(cell)));
  }

  /** @param {Cell} cell */
  cell(cell) {
    const [value, beside] = Array.isArray(cell) ? cell : [cell, ""];
    return make("td", {}, value, beside ? make("small", {}, ` ${beside}`) : null);
  }

  /**
   * @param {Group} group
   * @param {Toggle} toggle
   */
  toggleButton(group, { opened, isOpen, onToggle }) {
    const button = make(
      "button",
      { type: "button", class: "dqn-legend", "aria-expanded": String(isOpen), title: this.labels.each_run },
      make("span", { "aria-hidden": "true" }, isOpen ? "▾" : "▸"),
      group.name,
    );
    button.addEventListener("click", () => {
      if (!opened.delete(group.key)) opened.add(group.key);
      onToggle();
    });
    return button;
  }

  /** @param {GroupRun} run */
  runRow(run) {
    const link = make("a", { href: this.runHref(run.id) }, `${run.name}, ${run.seed}`);
    const name = make("th", { scope: "row", class: "dqn-compare-run" }, link, make("small", {}, ` ${run.state}`));
    return make("tr", {}, name, ...run.metrics.map((value) => make("td", {}, value)));
  }
}

export class DownloadMenu {
  /**
   * @param {Labels} labels
   * @param {(format: "png" | "svg") => void} onPicture
   */
  constructor(labels, onPicture) {
    const files = [
      ["figure.csv", labels.figure_csv],
      ["figure.xlsx", labels.figure_xlsx],
      ["figure.parquet", labels.figure_parquet],
      ["figure.html", labels.figure_html],
      ["metrics.csv", labels.metrics_csv],
      ["metrics.xlsx", labels.metrics_xlsx],
      ["episodes.csv", labels.episodes_csv],
      ["episodes.parquet", labels.episodes_parquet],
    ];
    this.links = files.map(([file, label]) => ({ file, link: make("a", { download: `compare-${file}` }, label) }));
    const formats = /** @type {const} */ (["png", "svg"]);
    const pictures = formats.map((format) => {
      const button = make("button", { type: "button" }, fill(labels.picture, { format: format.toUpperCase() }));
      button.addEventListener("click", () => onPicture(format));
      return button;
    });
    this.address = this.query = "";
    this.comma = make("input", { type: "checkbox" });
    this.comma.addEventListener("change", () => this.point(this.address, this.query));
    const items = [...pictures, ...this.links.map(({ link }) => link)];
    const choice = make("li", { class: "dqn-menu-choice" }, make("label", {}, this.comma, ` ${labels.decimal_comma}`));
    this.element = make(
      "details",
      { class: "dqn-menu" },
      make("summary", {}, labels.download),
      make("ul", {}, ...items.map((item) => make("li", {}, item)), choice),
    );
    this.element.addEventListener("click", (event) => {
      if (/** @type {Element} */ (event.target).closest("a, button")) this.element.open = false;
    });
    this.element.addEventListener("focusout", (event) => {
      const next = /** @type {Node | null} */ (event.relatedTarget);
      if (next && !this.element.contains(next)) this.element.open = false;
    });
  }

  /**
   * @param {string} address
   * @param {string} query
   */
  point(address, query) {
    this.address = address;
    this.query = query;
    for (const { file, link } of this.links) {
      const decimal = this.comma.checked && file.endsWith(".csv") ? "&decimal=comma" : "";
      setAttribute(link, "href", `${address}/${file}?${query}${decimal}`);
    }
  }
}
