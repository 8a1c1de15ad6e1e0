import assert from "node:assert/strict";
import { test } from "node:test";

import { isLetter, isShortcutOf } from "../../pages/shared/browser/shortcuts.js";

test("without the focus in it, no letter, digit or sign is for a part of the page; other keys are", () => {
  for (const key of ["p", "P", "1", "+", "-", "ㅔ", "Process"]) assert.equal(isShortcutOf({ key, target: null }, null), false);
  for (const key of [" ", "ArrowLeft", "Home", "Escape", "Enter"]) {
    assert.equal(isShortcutOf({ key, target: null }, null), true);
  }
});

test("a letter is known by what it writes, and by its place where Korean is written", () => {
  const pressed = [["p", "KeyP"], ["P", "KeyP"], ["p", "KeyR"], ["ㅔ", "KeyP"], ["Process", "KeyP"]];
  for (const [key, code] of pressed) assert.equal(isLetter({ key, code }, "p"), true);
  for (const [key, code] of [["l", "KeyP"], ["ㄱ", "KeyR"], ["Escape", "Escape"]]) {
    assert.equal(isLetter({ key, code }, "p"), false);
  }
});
