// Settings and messages in the words of the page's form.

import { DASH, fill } from "./format.js";

const FIELD_PARAMETERS = new Set(["field", "name", "limit_name"]); // Parameters of messages that name a setting.

/** @typedef {import("./format.js").Labels} Labels */
/** @typedef {import("./format.js").Formats} Formats */
/** @typedef {{field: string, old: unknown, new: unknown}} Change One setting, before and after. */
/** @typedef {{template: string, parameters?: Record<string, unknown> | null}} Message */

export class Words {
  /**
   * @param {Labels} labels
   * @param {Formats} formats
   */
  constructor(labels, formats) {
    this.labels = labels;
    this.formats = formats;
  }

  /**
   * What the form calls the setting `field`.
   * @param {unknown} field
   */
  setting(field) {
    return this.labels[`field_${field}`] ?? String(field);
  }

  /**
   * A value as the form shows it: a choice or a switch by its word, none by what that means for this setting.
   * @param {string} field
   * @param {unknown} value
   */
  value(field, value) {
    if (value === null) return this.labels[`none_${field}`] ?? DASH;
    const isWord = typeof value === "string" || typeof value === "boolean";
    return (isWord && this.labels[`value_${value}`]) || this.formats.setting(value);
  }

  /** @param {Change} change */
  change({ field, old, new: now }) {
    return `${this.setting(field)} ${this.value(field, old)} → ${this.value(field, now)}`;
  }

  /**
   * A message that came as a template, of one paragraph or more, and its parameters.
   * @param {Message} message
   */
  message({ template, parameters }) {
    /** @type {(parameter: [string, unknown]) => [string, string]} */
    const said = ([name, value]) => [
      name,
      FIELD_PARAMETERS.has(name) ? this.setting(value) : this.formats.setting(value),
    ];
    const paragraphs = template.split("\n\n").map((each) => this.labels[each] ?? each);
    return fill(paragraphs.join(" "), Object.fromEntries(Object.entries(parameters ?? {}).map(said)));
  }
}

/**
 * Everything that was changed at one moment.
 * @param {{changes: Change[]}} item
 * @param {Words} words
 */
export function changesText(item, words) {
  return item.changes.map((each) => words.change(each)).join("; ");
}

/**
 * Whether two settings are the same; widths of layers are lists.
 * @param {unknown} one
 * @param {unknown} other
 */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
