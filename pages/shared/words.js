// Settings and messages in the words of the page's form.

import { DASH, fill } from "./format.js";

const FIELD_PARAMETERS = new Set(["field", "name", "limit_name"]); // Parameters of messages that name a setting.

export class Words {
  constructor(labels, formats) {
    this.labels = labels;
    this.formats = formats;
  }

  /** What the form calls the setting `field`. */
  setting(field) {
    return this.labels[`field_${field}`] ?? String(field);
  }

  /** A value as the form shows it: a choice or a switch by its word, none by what that means for this setting. */
  value(field, value) {
    if (value === null) return this.labels[`none_${field}`] ?? DASH;
    const isWord = typeof value === "string" || typeof value === "boolean";
    return (isWord && this.labels[`value_${value}`]) || this.formats.setting(value);
  }

  change({ field, old, new: now }) {
    return `${this.setting(field)} ${this.value(field, old)} → ${this.value(field, now)}`;
  }

  /** A message that came as a template, of one paragraph or more, and its parameters. */
  message({ template, parameters }) {
    const said = ([name, value]) => [
      name,
      FIELD_PARAMETERS.has(name) ? this.setting(value) : this.formats.setting(value),
    ];
    const paragraphs = template.split("\n\n").map((each) => this.labels[each] ?? each);
    return fill(paragraphs.join(" "), Object.fromEntries(Object.entries(parameters ?? {}).map(said)));
  }
}

/** Everything that was changed at one moment. */
export function changesText(item, words) {
  return item.changes.map((each) => words.change(each)).join("; ");
}

/** Whether two settings are the same; widths of layers are lists. */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
