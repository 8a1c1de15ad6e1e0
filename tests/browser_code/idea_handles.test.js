import assert from "node:assert/strict";
import { test } from "node:test";

import { positionOf, pressed, valueAt } from "../../pages/lessons/idea_handles.js";

const LINEAR = { start: 0.1, low: 0, high: 1, step: 0.01 };
const LOG = { start: 100, low: 1, high: 500, scale: "log" };
const NINES = { start: 0.98, low: 0.5, high: 0.999, scale: "nines" };

test("a value lies where it is put", () => {
  for (const handle of [LINEAR, LOG, NINES]) {
    assert.equal(positionOf(handle, handle.low), 0);
    assert.equal(positionOf(handle, handle.high), 1);
    assert.equal(valueAt(handle, positionOf(handle, handle.start)), handle.start);
  }
});

test("a number dragged beyond its range stays at the end", () => {
  for (const handle of [LINEAR, LOG, NINES]) {
    assert.equal(valueAt(handle, -3), handle.low);
    assert.equal(valueAt(handle, 3), handle.high);
  }
});

test("half of the way is half of the digits where the range is not linear", () => {
  assert.equal(valueAt(LINEAR, 0.5), 0.5);
  assert.equal(valueAt(LOG, 0.5), 22);
  assert.equal(valueAt(NINES, 0.5), 0.98);
});

test("each key press changes the value, up to the end", () => {
  for (const handle of [LINEAR, LOG, NINES]) {
    let value = handle.low;
    let presses = 0;
    while (value < handle.high && presses < 2000) {
      const next = pressed(handle, value, 1);
      assert.ok(next > value, `${value} -> ${next}`);
      value = next;
      presses += 1;
    }
    assert.equal(value, handle.high);
    assert.equal(pressed(handle, value, 1), handle.high);
    assert.ok(pressed(handle, value, -1) < handle.high);
  }
});
