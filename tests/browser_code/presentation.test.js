import assert from "node:assert/strict";
import { test } from "node:test";

import { enlarged, presentationScale } from "../../pages/train/presentation.js";

test("letters of a chart are 20 px on a projector of 1080 lines, and never small", () => {
  const smallest = (width, height) => 12 * presentationScale({ innerWidth: width, innerHeight: height });
  assert.ok(smallest(1920, 1080) >= 20);
  assert.ok(smallest(3840, 2160) >= 40);
  assert.ok(smallest(1024, 768) >= 14);
});

test("fonts, margins and ticks grow; ranges, positions and texts do not", () => {
  const layout = {
    font: { size: 13, family: "serif" },
    margin: { l: 50, r: 14, t: 10, b: 46, pad: 0 },
    xaxis: { title: { text: "episode", standoff: 2, font: { size: 12 } }, range: [0, 10], ticklen: 4, nticks: 8 },
    uirevision: "live",
    shapes: [{ x0: 1 }],
  };
  const large = enlarged(layout, 2);
  assert.deepEqual(large.font, { size: 26, family: "serif" });
  assert.deepEqual(large.margin, { l: 100, r: 28, t: 20, b: 92, pad: 0 });
  assert.deepEqual(large.xaxis.title, { text: "episode", standoff: 4, font: { size: 24 } });
  assert.deepEqual([large.xaxis.range, large.xaxis.ticklen, large.xaxis.nticks], [[0, 10], 8, 8]);
  assert.deepEqual(large.shapes, layout.shapes);
  assert.equal(enlarged(layout, 1), layout);
});
