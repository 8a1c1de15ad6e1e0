import assert from "node:assert/strict";
import { test } from "node:test";

import { flightAt, poseAt } from "../../pages/start/flight.js";

const STEPS = [[0, 1400, 0, 2], [100, 1200, -50, 1], [200, 1000, 0, 3]];
const FLIGHTS = [{ ground: [0, 0], steps: Array(50).fill([0, 0, 0, 0]) }, { ground: [1, 1], steps: Array(100).fill([0, 0, 0, 0]) }];

test("between two recorded steps the lander is between them", () => {
  assert.deepEqual(poseAt(STEPS, 0.5), { x: 0.05, y: 1.3, angle: -0.025, action: 2 });
});

test("after the last step the lander rests there without an engine", () => {
  assert.deepEqual(poseAt(STEPS, 40), { x: 0.2, y: 1, angle: 0, action: 0 });
});

test("flights follow each other, over and over", () => {
  assert.equal(flightAt(FLIGHTS, 0).flight, FLIGHTS[0]);
  assert.equal(flightAt(FLIGHTS, 2.7).flight, FLIGHTS[1]);
  const round = 1 + 1.6 + 2 + 1.6;
  assert.equal(flightAt(FLIGHTS, round + 0.5).flight, FLIGHTS[0]);
  assert.ok(Math.abs(flightAt(FLIGHTS, round + 0.5).t - 25) < 1e-6);
});
