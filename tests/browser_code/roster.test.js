import assert from "node:assert/strict";
import { test } from "node:test";

import { counts } from "../../pages/classroom/roster.js";

test("members and hands are counted without those who were removed", () => {
  const entries = [
    { member: "a", nickname: "A", hand: true, removed: false },
    { member: "b", nickname: "B", hand: false, removed: false },
    { member: "c", nickname: "C", hand: false, removed: true },
  ];
  assert.deepEqual(counts(entries), { members: 2, hands: 1 });
  assert.deepEqual(counts([]), { members: 0, hands: 0 });
});
