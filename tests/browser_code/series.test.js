import assert from "node:assert/strict";
import { test } from "node:test";

import { EpisodeSeries, decimate, robustLow, sample } from "../../pages/train/panel_series.js";

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const spiky = upTo(10_000).map((i) => Math.sin(i / 50) + (i === 7_777 ? 100 : 0));

test("batches are appended once, and rows known already are skipped", () => {
  const series = new EpisodeSeries();
  assert.equal(series.append(0, { episode: [1, 2, 3], return: [10, 20, 30] }), true);
  assert.equal(series.append(1, { episode: [2, 3, 4], return: [20, 30, 40] }), true);
  assert.deepEqual(series.column("return"), [10, 20, 30, 40]);
  assert.equal(series.append(0, { episode: [1], return: [10] }), true);
  assert.equal(series.length, 4);
  assert.equal(series.last("return"), 40);
});

test("a batch after a gap is refused", () => {
  const series = new EpisodeSeries();
  series.append(0, { episode: [1] });
  assert.equal(series.append(2, { episode: [3] }), false);
  assert.equal(series.length, 1);
});

test("a column that comes later has no values before", () => {
  const series = new EpisodeSeries();
  series.append(0, { episode: [1, 2] });
  assert.deepEqual(series.column("loss_mean"), [null, null]);
  assert.equal(series.last("loss_mean"), null);
});

test("a column counts as filled from its first value on", () => {
  const series = new EpisodeSeries();
  series.append(0, { episode: [1, 2], shaped_return: [null, null] });
  assert.equal(series.filled.has("shaped_return"), false);
  series.append(2, { episode: [3, 4], shaped_return: [null, 0] });
  assert.equal(series.filled.has("shaped_return"), true);
  assert.equal(series.filled.has("episode"), true);
});

test("a moving mean is over the newest values that are numbers", () => {
  const series = new EpisodeSeries();
  series.append(0, { episode: [1, 2, 3, 4], return: [2, null, 4, 9] });
  assert.deepEqual(series.mean("return", 2), [2, 2, 4, 6.5]);
  series.append(4, { episode: [5], return: [1] });
  assert.deepEqual(series.mean("return", 2), [2, 2, 4, 6.5, 5]);
  assert.deepEqual(series.mean("missing", 2), [null, null, null, null, null]);
});

test("rounding errors of a moving mean do not add up", () => {
  const series = new EpisodeSeries();
  const values = upTo(5_000).map((i) => (i < 2_500 ? 1e16 : 0.1));
  series.append(0, { episode: upTo(5_000), return: values });
  assert.ok(Math.abs(series.mean("return", 20).at(-1) - 0.1) < 1e-12);
});

test("few points are all kept, but for those without a number", () => {
  assert.deepEqual(decimate([1, 2, 3], [5, null, 7], 0, 3, 10), { x: [1, 3], y: [5, 7] });
});

test("many points are thinned to about the limit, and no spike is lost", () => {
  const points = decimate(upTo(10_000), spiky, 0, 10_000, 1_000);
  assert.ok(points.x.length <= 1_002 && points.x.length > 400, String(points.x.length));
  assert.ok(points.x.includes(7_777));
  assert.deepEqual(points.x, points.x.toSorted((one, other) => one - other));
});

test("a row added at the end leaves the earlier points where they were", () => {
  const before = decimate(upTo(10_000), spiky, 0, 9_000, 1_000);
  const after = decimate(upTo(10_000), spiky, 0, 9_001, 1_000);
  assert.deepEqual(after.x.slice(0, before.x.length - 2), before.x.slice(0, -2));
});

test("of many markers, the highest is always among those kept", () => {
  const points = sample(upTo(10_000), spiky, 0, 10_000, 100);
  assert.ok(points.x.length <= 101);
  assert.ok(points.x.includes(7_777));
  assert.deepEqual(sample([1, 2], [null, null], 0, 2, 100), { x: [], y: [] });
});

test("the points of a view reach one row beyond it on either side", () => {
  const series = new EpisodeSeries();
  series.append(0, { episode: upTo(100), return: upTo(100) });
  const points = series.points({ x: "episode", y: "return" }, [10, 20], 1_000, decimate);
  assert.deepEqual([points.x[0], points.x.at(-1)], [9, 21]);
});

test("a few values far below the rest do not set an axis's range; a curve that climbs from far below does", () => {
  const solved = Array.from({ length: 100 }, (_, i) => 200 + (i % 50));
  assert.equal(robustLow(solved), null);
  const low = robustLow([...solved, -600, -550, null, NaN]);
  assert.ok(low > 100 && low < 200);
  const climbing = Array.from({ length: 100 }, (_, i) => -600 + 8 * i);
  assert.equal(robustLow(climbing), null);
  assert.equal(robustLow([1, 1, 1, -1_000]), null); // Too few to say what the rest is.
});
