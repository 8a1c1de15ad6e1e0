import assert from "node:assert/strict";
import { test } from "node:test";

import { isCalled } from "../../pages/shared/visitor/class_strip.js";

test("a page goes where the teacher says once, and only where it is to be opened", () => {
  const drawn = { said_at: "", opens: false, look: null };
  const said = { said_at: "12:00", opens: true, look: "/train?lang=en" };
  assert.equal(isCalled(said, drawn), true);
  assert.equal(isCalled(said, said), false);
  assert.equal(isCalled({ ...said, opens: false }, drawn), false);
  assert.equal(isCalled({ ...said, look: null }, drawn), false);
});
