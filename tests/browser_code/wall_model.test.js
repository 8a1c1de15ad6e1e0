import assert from "node:assert/strict";
import { test } from "node:test";

import { counts, curvePath, shown, take } from "../../pages/classroom/wall_model.js";

const card = (name, more = {}) => ({
  joined: 0,
  name,
  hand: false,
  stuck: false,
  state: "running",
  state_text: "Running",
  progress: 0,
  score: null,
  ...more,
});

const wall = () =>
  new Map([
    ["a", card("Zoe", { joined: 0, progress: 0.5, score: 10, stuck: true })],
    ["b", card("bo 10", { joined: 1, progress: 0.9 })],
    ["c", card("bo 9", { joined: 2, progress: 0.1, score: -200, hand: true })],
    ["d", card("Émile", { joined: 3, progress: 0.5, score: 500 })],
  ]);

test("cards stand by name as the reader's language has it, and numbers in names count", () => {
  assert.deepEqual(shown(wall(), "name", "all", "en"), ["c", "b", "d", "a"]);
});

test("by progress and by score the first is the largest; without a score one comes last, and equals stand by name", () => {
  assert.deepEqual(shown(wall(), "progress", "all", "en"), ["b", "d", "a", "c"]);
  assert.deepEqual(shown(wall(), "score", "all", "en"), ["d", "a", "c", "b"]);
});

test("the filters leave those that are stuck, or have a hand up", () => {
  assert.deepEqual(shown(wall(), "name", "stuck", "en"), ["a"]);
  assert.deepEqual(shown(wall(), "name", "hand", "en"), ["c"]);
  assert.deepEqual(counts(wall()), { all: 4, stuck: 1, hand: 1 });
});

test("a message changes the cards it names alone; one out of sight keeps what it showed", () => {
  const cards = wall();
  const detail = { run: "r", env: "CartPole-v1", curve: [1, 2], stuck: "", differences: [] };
  take(cards, { cards: { a: card("Zoe", { detail }) } });
  take(cards, { cards: { a: card("Zoe", { progress: 0.7 }) }, gone: ["b"] });
  assert.deepEqual([...cards.keys()], ["a", "c", "d"]);
  assert.deepEqual(cards.get("a").detail, detail);
  assert.equal(cards.get("a").progress, 0.7);
});

test("a whole message takes away those that it does not name", () => {
  const cards = wall();
  take(cards, { whole: true, cards: { d: card("Émile"), e: card("new") } });
  assert.deepEqual([...cards.keys()], ["d", "e"]);
});

test("a curve goes from the left to the right, its highest value at the top", () => {
  assert.equal(curvePath([0, 5, 10], 100, 40), "M0.0,40.0L50.0,20.0L100.0,0.0");
  assert.equal(curvePath([3, 3], 100, 40), "M0.0,20.0L100.0,20.0");
  assert.equal(curvePath([3], 100, 40), "");
  assert.equal(curvePath([], 100, 40), "");
});
