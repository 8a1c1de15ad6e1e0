import assert from "node:assert/strict";
import { test } from "node:test";

import { ticksBetween } from "../../pages/lessons/idea_chart.js";
import { pressed } from "../../pages/lessons/idea_handles.js";
import { MODELS, banditPlays, foundBy, valuesWithCopy } from "../../pages/lessons/idea_models.js";
import { normalMaximum } from "../../pages/lessons/normal_maximum.js";

const start = (model) => Object.fromEntries(Object.entries(model.handles).map(([name, each]) => [name, each.start]));
const tell = (name, at = {}) => MODELS[name].tell({ ...start(MODELS[name]), ...at });

function near(actual, expected, tolerance = 1e-6) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

test("every number is finite and every figure within its axes, wherever the numbers are dragged", () => {
  for (const [name, model] of Object.entries(MODELS)) {
    const ends = Object.entries(model.handles).flatMap(([handle, { low, high }]) => [{ [handle]: low }, { [handle]: high }]);
    for (const at of [{}, ...ends]) {
      const { numbers, figure } = tell(name, at);
      for (const value of Object.values(numbers)) assert.ok(Number.isFinite(value), name);
      const points = [
        ...(figure.lines ?? []).flatMap((line) => line.points),
        ...(figure.dots ?? []).map(({ x, y }) => [x, y]),
        ...(figure.bars ?? []).map(({ x, y }) => [x, y]),
      ];
      assert.ok(points.length > 0, name);
      for (const [x, y] of points) {
        assert.ok(x >= figure.x.low && x <= figure.x.high, `${name}: x ${x}`);
        assert.ok(y >= figure.y.low - 1e-9 && y <= figure.y.high, `${name}: y ${y}`);
      }
    }
  }
});

test("a number that is dragged changes what is told or drawn", () => {
  for (const [name, model] of Object.entries(MODELS)) {
    for (const [handle, { start: value }] of Object.entries(model.handles)) {
      const next = pressed(model.handles[handle], value, 5);
      assert.notDeepEqual(tell(name, { [handle]: next }), tell(name), `${name}: ${handle}`);
    }
  }
});

test("a return is the sum of the rewards to come", () => {
  assert.equal(tell("reward-and-return", { fall: 150, step: 40 }).numbers.rest, 110);
  assert.equal(tell("reward-and-return", { fall: 30, step: 40 }).outcome, "over");
});

test("a reward k steps ahead counts gamma to the power of k", () => {
  const { numbers } = tell("discount-factor", { gamma: 0.9, steps: 50 });
  near(numbers.weight, 0.9 ** 50);
  near(numbers.horizon, 10);
});

test("gradient descent converges below a learning rate of 1 and diverges beyond", () => {
  assert.equal(tell("learning-rate", { alpha: 0.5 }).numbers.error, 0);
  assert.equal(tell("learning-rate", { alpha: 0.02 }).outcome, "slow");
  assert.equal(tell("learning-rate", { alpha: 0.3 }).outcome, "converges");
  assert.equal(tell("learning-rate", { alpha: 0.97 }).outcome, "swings");
  assert.equal(tell("learning-rate", { alpha: 1.1 }).outcome, "diverges");
});

test("some exploration finds the best machine more often than none, and pays more than much of it", () => {
  const [none, some, much] = [0, 0.1, 0.8].map((epsilon) => banditPlays(epsilon));
  const last = ({ rewards }) => rewards.subarray(400).reduce((sum, each) => sum + each, 0) / 100;
  assert.ok(some.isBest > none.isBest + 0.2);
  assert.ok(last(some) > last(none) + 0.1 && last(some) > last(much) + 0.1);
  assert.deepEqual(banditPlays(0.1), some);
});

test("a batch drawn from a large memory comes from many episodes", () => {
  const { numbers } = tell("experience-replay", { size: 3200, length: 100 });
  assert.equal(numbers.few, 1);
  near(numbers.many, 32 * (1 - (31 / 32) ** 32));
});

test("values that feed on themselves grow by each update without a copy, and by each copy with one", () => {
  const growth = 0.99 * 1.05;
  const direct = valuesWithCopy(1.05, 1);
  near(direct[2] - direct[1], (direct[1] - direct[0]) * (1 + 0.1 * (growth - 1)), 1e-9);
  const kept = valuesWithCopy(1.05, 500);
  near(kept[500], 1, 1e-9); // An ordinary regression on the target 1.
  near(kept[1000], 1 + growth, 1e-3);
  near(valuesWithCopy(0.8, 1)[1000], 1 / (1 - 0.792), 1e-3);
});

test("a reward travels n states back with each round of updates", () => {
  assert.deepEqual(tell("n-step-return", { n: 1, sweeps: 5 }).numbers, { reach: 5, needed: 30, states: 30 });
  assert.deepEqual(tell("n-step-return", { n: 7, sweeps: 5 }).numbers, { reach: 30, needed: 5, states: 30 });
});

test("the largest of several estimates is too large by the textbook's amount", () => {
  near(normalMaximum(1), 0, 1e-5);
  near(normalMaximum(2), 1 / Math.sqrt(Math.PI), 1e-4);
  near(normalMaximum(3), 1.5 / Math.sqrt(Math.PI), 1e-4);
  near(tell("double-dqn", { actions: 2, noise: 2 }).numbers.bias, 2 / Math.sqrt(Math.PI), 1e-3);
  near(tell("best-of-many", { count: 1, episodes: 1 }).numbers.excess, 0, 1e-3);
  near(tell("best-of-many", { count: 2, episodes: 16 }).numbers.excess, 20 / Math.sqrt(Math.PI), 1e-2);
});

test("a time limit that counts as a fall takes its part of the value", () => {
  const { numbers } = tell("time-limit", { limit: 100, gamma: 0.99 });
  const values = Array.from({ length: 100 }, (_, t) => (1 - 0.99 ** (100 - t)) / 0.01);
  near(numbers.infinite, 100, 1e-6);
  near(numbers.first, values[0], 1e-6);
  near(numbers.mean, values.reduce((sum, each) => sum + each, 0) / 100, 1);
});

test("an episode without a random action becomes rare", () => {
  near(tell("evaluation", { epsilon: 0.1, steps: 20 }).numbers.none, 0.9 ** 20);
});

test("a random walk finds the goal after the square of its distance on average", () => {
  const found = foundBy(6);
  assert.equal(found[5], 0);
  near(found[6], 1 / 2 ** 5);
  near(found.reduce((sum, each) => sum + 1 - each, 0), 36, 1e-3);
});

test("ticks are round numbers within the axis", () => {
  assert.deepEqual(ticksBetween(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticksBetween(-5, 5), [-4, -2, 0, 2, 4]);
  assert.deepEqual(ticksBetween(0, 110), [0, 50, 100]);
});
