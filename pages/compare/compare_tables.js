// The tables below the figure, a row a group, and the menu of downloads.

import { fill, make, setAttribute } from "../shared/format.js";

/** Replaces the children of `element` where they would look different: focus stays where nothing changed. */
export function replaceUnlessSame(element, children) {
  const html = children.map((child) => child.outerHTML).join("");
  if (element.shownHtml === html) return;
  const active = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  element.shownHtml = html;
  element.replaceChildren(...children);
  if (active >= 0) element.querySelectorAll("button")[active]?.focus();
}

export class GroupTable {
  /** `runHref(id)` gives the address of a run's own page. */
  constructor(title, testId, labels, runHref) {
    this.labels = labels;
    this.runHref = runHref;
    this.head = make("tr");
    this.body = make("tbody");
    this.element = make(
      "section",
      { class: "dqn-card", "data-testid": testId },
      make("div", { class: "dqn-card-head" }, make("h3", {}, title)),
      make("div", { class: "dqn-compare-scroll", tabindex: "0", role: "region", "aria-label": title },
        make("table", {}, make("thead", {}, this.head), this.body)),
    );
  }

  /** A row for each of `groups`; with `opened`, a group's runs can be opened below it. */
  show(groups, columns, cells, swatch, opened, onToggle) {
    this.element.hidden = groups.length === 0;
    const heads = columns.map(({ label, help }) => make("th", help ? { scope: "col", title: help } : { scope: "col" }, label));
    replaceUnlessSame(this.head, [make("th", { scope: "col" }, this.labels.group), ...heads]);
    const rows = groups.flatMap((group) => {
      const isOpen = opened?.has(group.key);
      const own = this.groupRow(group, cells(group), swatch(group), opened && { opened, isOpen, onToggle });
      return isOpen ? [own, ...group.runs.map((run) => this.runRow(run))] : [own];
    });
    replaceUnlessSame(this.body, rows);
  }

  groupRow(group, cells, swatch, toggle) {
    const name = toggle ? this.toggleButton(group, toggle) : make("span", {}, group.name);
    return make("tr", {}, make("th", { scope: "row" }, make("span", { class: "dqn-compare-name" }, swatch, name)), ...cells.map((cell) => this.cell(cell)));
  }

  cell(cell) {
    const [value, beside] = Array.isArray(cell) ? cell : [cell, ""];
    return make("td", {}, value, beside ? make("small", {}, ` ${beside}`) : null);
  }

  toggleButton(group, { opened, isOpen, onToggle }) {
    const button = make(
      "button",
      { type: "button", class: "dqn-legend", "aria-expanded": String(Boolean(isOpen)), title: this.labels.each_run },
      make("span", { "aria-hidden": "true" }, isOpen ? "▾" : "▸"),
      group.name,
    );
    button.addEventListener("click", () => {
      if (!opened.delete(group.key)) opened.add(group.key);
      onToggle();
    });
    return button;
  }

  runRow(run) {
    const link = make("a", { href: this.runHref(run.id) }, `${run.name}, ${run.seed}`);
    const name = make("th", { scope: "row", class: "dqn-compare-run" }, link, make("small", {}, ` ${run.state}`));
    return make("tr", {}, name, ...run.metrics.map((value) => make("td", {}, value)));
  }
}

export class DownloadMenu {
  constructor(labels, onPicture) {
    const files = [
      ["figure.csv", labels.figure_csv],
      ["figure.parquet", labels.figure_parquet],
      ["figure.html", labels.figure_html],
      ["metrics.csv", labels.metrics_csv],
      ["episodes.csv", labels.episodes_csv],
      ["episodes.parquet", labels.episodes_parquet],
    ];
    this.links = files.map(([file, label]) => ({ file, link: make("a", { download: `compare-${file}` }, label) }));
    const pictures = ["png", "svg"].map((format) => {
      const button = make("button", { type: "button" }, fill(labels.picture, { format: format.toUpperCase() }));
      button.addEventListener("click", () => onPicture(format));
      return button;
    });
    const items = [...pictures, ...this.links.map(({ link }) => link)];
    this.element = make(
      "details",
      { class: "dqn-menu" },
      make("summary", {}, labels.download),
      make("ul", {}, ...items.map((item) => make("li", {}, item))),
    );
    this.element.addEventListener("click", (event) => {
      if (event.target.closest("li")) this.element.open = false;
    });
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.element.contains(event.relatedTarget)) this.element.open = false;
    });
  }

  point(address, query) {
    for (const { file, link } of this.links) setAttribute(link, "href", `${address}/${file}?${query}`);
  }
}
