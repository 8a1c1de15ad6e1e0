import assert from "node:assert/strict";
import { test } from "node:test";

import { DASH, duration, fill, makeFormats } from "../../pages/shared/browser/format.js";

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
