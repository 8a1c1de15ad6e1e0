import assert from "node:assert/strict";
import { test } from "node:test";

import { DASH, duration, fill, makeFormats } from "../../pages/shared/format.js";
import { changesText, isSame, Words } from "../../pages/shared/words.js";

test("a template takes its values, and keeps what it does not know", () => {
  assert.equal(fill("{n} of {total:,} and {what}", { n: 3, total: 10 }), "3 of 10 and {what}");
});

test("durations read the same in every language", () => {
  assert.deepEqual([0, 59.6, 3_725, NaN, null].map(duration), ["0:00", "1:00", "1:02:05", DASH, DASH]);
});

test("numbers are written as the reader's language does", () => {
  const [english, german] = [makeFormats("en"), makeFormats("de")];
  assert.equal(english.integer(12_345.6), "12,346");
  assert.equal(german.score(1_234.56), "1.234,6");
  assert.equal(english.percent(0.256), "26%");
  assert.equal(english.quality(NaN), DASH);
  assert.deepEqual([english.separators, german.separators], [".,", ",."]);
});

test("a setting is written in as few digits as say it", () => {
  const { setting } = makeFormats("en");
  assert.deepEqual(
    [0.0002, 0.99, 10_000, 2e7, 0, null, [64, 64], "adam"].map(setting),
    ["2e-4", "0.99", "10,000", "2e7", "0", DASH, "64, 64", "adam"],
  );
});

test("messages speak of settings by the form's words", () => {
  const labels = {
    field_gamma: "Discount",
    field_goal: "Goal",
    none_goal: "no goal",
    value_huber: "Huber",
    value_true: "on",
    "{field} must be above {limit}.": "{field} muss über {limit} liegen.",
  };
  const words = new Words(labels, makeFormats("en"));
  assert.equal(
    words.message({ template: "{field} must be above {limit}.", parameters: { field: "gamma", limit: 0.5 } }),
    "Discount muss über 0.5 liegen.",
  );
  assert.equal(words.message({ template: "One.\n\nTwo." }), "One. Two.");
  assert.equal(words.change({ field: "goal", old: null, new: 450 }), "Goal no goal → 450");
  assert.equal(words.value("loss", "huber"), "Huber");
  assert.equal(words.value("double", true), "on");
  const item = { changes: [{ field: "gamma", old: 0.9, new: 0.99 }, { field: "other", old: 1, new: 2 }] };
  assert.equal(changesText(item, words), "Discount 0.9 → 0.99; other 1 → 2");
});

test("widths of layers are compared by what they hold", () => {
  assert.ok(isSame([64, 64], [64, 64]));
  assert.ok(!isSame([64, 64], [64]));
});
