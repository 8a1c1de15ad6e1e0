// A run's settings to hand on: a link with its QR code, the command, and Python lines, each to be copied.

import { make, setText } from "../browser/format.js";

/** @typedef {import("../browser/format.js").Labels} Labels */
/**
 * @typedef {object} ShareData What Python hands over.
 * @property {string} link Empty where the settings are too long for one.
 * @property {string} code Address of the QR code's picture; empty where there is none.
 * @property {string} command
 * @property {string} python
 * @property {string} locale
 * @property {Labels} labels
 */

export default class SharePanel {
  /**
   * @param {HTMLElement} parent
   * @param {ShareData} data
   */
  constructor(parent, data) {
    this.labels = data.labels;
    this.said = make("p", { class: "dqn-share-said", role: "status", "data-testid": "share-said" });
    this.root = make(
      "section",
      { class: "dqn-live dqn-share", lang: data.locale, "aria-label": data.labels.share, "data-testid": "share-panel" },
      ...this.linkParts(data),
      ...this.linesParts("command", data.command),
      ...this.linesParts("python", data.python),
      this.said,
    );
    parent.append(this.root);
  }

  /** @param {ShareData} data */
  static identityOf(data) {
    return JSON.stringify(data);
  }

  accept() {
    // Another text is another panel.
  }

  /** @param {ShareData} data */
  linkParts({ link, code, labels }) {
    const title = make("p", { class: "dqn-share-title" }, labels.link);
    if (!link) return [title, make("p", {}, labels.link_too_long)];
    const attributes = { type: "text", readonly: "", "aria-label": labels.link, "data-testid": "share-link" };
    const field = make("input", attributes);
    field.value = link;
    field.addEventListener("focus", () => field.select());
    const picture = code
      ? make("img", { class: "dqn-share-code", src: code, alt: labels.code })
      : make("p", { class: "dqn-share-note" }, labels.code_too_long);
    return [
      title,
      make("div", { class: "dqn-share-row" }, field, this.copyButton("copy_link", link)),
      make("p", { class: "dqn-share-note" }, labels.link_help),
      picture,
    ];
  }

  /**
   * @param {"command" | "python"} name
   * @param {string} text
   */
  linesParts(name, text) {
    const { labels } = this;
    const words = text.split(/(\s+)/).map((word) => (word.trim() ? make("span", {}, word) : word));
    const lines = make("pre", { tabindex: "0", "aria-label": labels[name], "data-testid": `share-${name}` }, ...words);
    lines.setAttribute("role", "region");
    return [
      make(
        "div",
        { class: "dqn-share-row" },
        make("p", { class: "dqn-share-title" }, labels[name]),
        this.copyButton(`copy_${name}`, text),
      ),
      lines,
    ];
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  copyButton(name, text) {
    const button = make("button", { type: "button", "data-testid": name }, this.labels[name]);
    button.addEventListener("click", async () => {
      const isCopied = await copy(text, this.root);
      setText(this.said, this.labels[isCopied ? "copied" : "not_copied"]);
    });
    return button;
  }

  dispose() {
    this.root.remove();
  }
}

/**
 * Whether the text is on the clipboard now. Without https a browser has no clipboard for pages, but the older way.
 * @param {string} text
 * @param {Element} place
 */
async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", { class: "dqn-spoken", "aria-hidden": "true", readonly: "" });
    const focused = document.activeElement;
    field.value = text;
    place.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return isCopied;
  }
}
