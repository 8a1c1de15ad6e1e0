import assert from "node:assert/strict";
import { test } from "node:test";

import { isShortcutOf } from "../../pages/shared/shortcuts.js";

test("without the focus in it, no letter, digit or sign is for a part of the page; other keys are", () => {
  for (const key of ["p", "P", "1", "+", "-", "ㅔ"]) assert.equal(isShortcutOf({ key, target: null }, null), false);
  for (const key of [" ", "ArrowLeft", "Home", "Escape", "Enter"]) {
    assert.equal(isShortcutOf({ key, target: null }, null), true);
  }
});
