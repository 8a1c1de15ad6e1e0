import assert from "node:assert/strict";
import { test } from "node:test";

import { chipOf } from "../../pages/shared/run_status.js";

const run = (id, state, owner = "mine", isActive = true) => ({ id, state, label: state, owner, is_active: isActive });

test("running runs are counted before paused ones, and the newest is led to", () => {
  const runs = [run("c", "paused"), run("b", "running"), run("a", "running")];
  assert.deepEqual(chipOf(runs, "mine"), { text: "n_running", count: 2, run: "b", state: "running" });
});

test("runs of others and runs that are over are not counted; those of everybody are", () => {
  const runs = [run("d", "running", "other"), run("c", "solved", "mine", false), run("b", "queued", "")];
  assert.deepEqual(chipOf(runs, "mine"), { text: "n_queued", count: 1, run: "b", state: "queued" });
  assert.equal(chipOf(runs.slice(0, 2), "mine"), null);
});
