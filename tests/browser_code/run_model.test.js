import assert from "node:assert/strict";
import { test } from "node:test";

import { RunListModel } from "../../pages/shared/run_table/run_model.js";

const words = {
  preset: (each) => each.preset,
  state: (each) => each.state,
  owner: (each) => each.owner,
  isMine: (each) => each.owner === "",
};

function run(id, changes = {}) {
  const plain = { name: `run ${id}`, env: "CartPole-v1", preset: "fast", seed: 1, state: "finished", episodes: 10 };
  return { id, ...plain, best: null, started: Number(id), tags: [], owner: "", ...changes };
}

function model(...runs) {
  const made = new RunListModel(words);
  made.accept({ whole: true, version: 1, runs, removed: [] });
  return made;
}

test("the newest run comes first", () => {
  assert.deepEqual(model(run("1"), run("3"), run("2")).order, ["3", "2", "1"]);
});

test("numbers that change leave the order as it is; runs that come and go do not", () => {
  const list = model(run("1"), run("2"));
  list.sortBy("episodes");
  const told = list.accept({ whole: false, version: 2, runs: [run("1", { episodes: 99 })], removed: [] });
  assert.deepEqual([told.isReordered, list.order], [false, ["2", "1"]]);
  assert.deepEqual(told.changed, ["1"]);
  assert.equal(list.accept({ whole: false, version: 3, runs: [run("3")], removed: ["2"] }).isReordered, true);
  assert.deepEqual([list.order, list.version], [["1", "3"], 3]);
});

test("every typed word must be found, in any column", () => {
  const list = model(run("1", { tags: ["homework"] }), run("2", { env: "LunarLander-v3" }));
  list.filter.text = " HOME  cart ";
  list.arrange();
  assert.deepEqual(list.order, ["1"]);
});

test("filters narrow by environment, state, tag and owner", () => {
  const list = model(
    run("1", { state: "running", owner: "ab12" }),
    run("2", { state: "paused", tags: ["a"] }),
    run("3", { env: "LunarLander-v3" }),
  );
  const shown = (filter) => {
    list.filter = { text: "", env: "", state: "", tag: "", mine: false, selected: false, ...filter };
    list.arrange();
    return list.order;
  };
  assert.deepEqual(shown({ state: "active" }), ["2", "1"]);
  assert.deepEqual(shown({ env: "LunarLander-v3" }), ["3"]);
  assert.deepEqual(shown({ tag: "a" }), ["2"]);
  assert.deepEqual(shown({ mine: true }), ["3", "2"]);
  list.select(["1", "3"], true);
  assert.deepEqual(shown({ selected: true, env: "LunarLander-v3" }), ["3"]);
});

test("a column is sorted in its own direction first, then the other; what is missing comes last in both", () => {
  const list = model(run("1", { best: 5 }), run("2"), run("3", { best: 50 }));
  list.sortBy("best");
  assert.deepEqual(list.order, ["3", "1", "2"]);
  list.sortBy("best");
  assert.deepEqual(list.order, ["1", "3", "2"]);
});

test("names with numbers are sorted as people count", () => {
  const list = model(run("1", { name: "run 10" }), run("2", { name: "run 9" }));
  list.sortBy("name");
  assert.deepEqual(list.order, ["2", "1"]);
});

test("what there is to choose from is what the runs have", () => {
  const list = model(run("1", { tags: ["b", "a"] }), run("2", { tags: ["a"], state: "running" }));
  assert.deepEqual(list.choices(), { env: ["CartPole-v1"], state: ["finished", "running"], tag: ["a", "b"] });
});

test("no more are selected than can be, and others when one of them is not any more", () => {
  const list = new RunListModel(words, 2);
  list.select(["1", "2", "3"], true);
  assert.deepEqual([[...list.selected], list.isFull], [["1", "2"], true]);
  list.select(["1"], false);
  list.select(["3"], true);
  assert.deepEqual([...list.selected], ["2", "3"]);
});

test("a selected run that is gone is told, and stays out of the count", () => {
  const list = model(run("1"), run("2"));
  list.select(["1", "2", "unknown"], true);
  assert.deepEqual(list.selectedRuns, ["1", "2"]);
  assert.deepEqual(list.accept({ whole: false, version: 2, runs: [], removed: ["1"] }).gone, ["1"]);
  assert.deepEqual(list.selectedRuns, ["2"]);
  assert.deepEqual(list.accept({ whole: true, version: 1, runs: [run("3")], removed: [] }).gone, ["2"]);
});

test("a range is what is shown between two lines, in either direction", () => {
  const list = model(run("1"), run("2"), run("3"), run("4"));
  assert.deepEqual(list.between("4", "2"), ["4", "3", "2"]);
  assert.deepEqual(list.between("2", "4"), ["4", "3", "2"]);
  list.filter.text = "run 2";
  list.arrange();
  assert.deepEqual(list.between("4", "2"), ["2"]);
});
