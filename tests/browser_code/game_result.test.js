import assert from "node:assert/strict";
import { test } from "node:test";

import { barLengths } from "../../pages/play/result.js";

test("the longest bar is the best's, whatever the sign of the returns", () => {
  for (const scores of [[500, 20], [-110, -200], [-150, 230], [0, -200], [3, 3], [0, 0]]) {
    const lengths = barLengths(scores);
    const best = scores.indexOf(Math.max(...scores));
    assert.equal(lengths[best], 100);
    assert.ok(lengths.every((each) => each > 0 && each <= 100));
    assert.ok(scores.every((score, i) => score === scores[best] || lengths[i] < 100));
  }
});
