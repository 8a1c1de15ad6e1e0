import assert from "node:assert/strict";
import { test } from "node:test";

import { drawMarks, layoutMarks, MARK_ROW_PX, marksOf } from "../../pages/train/panel_marks.js";

const measure = (text) => 10 * text.length;
const layout = (marks, width = 1_000) => layoutMarks(marks, (x) => x, width, measure);
const theme = { colors: { change: "#123456" }, background: "#ffffff", text: "#000000" };

test("a label stands right of its line, or left where the chart ends", () => {
  const { placed } = layout([
    { x: 100, text: "gamma" },
    { x: 990, text: "gamma" },
  ]);
  assert.deepEqual(Object.fromEntries(placed.map((mark) => [mark.x, mark.side])), { 100: "left", 990: "right" });
});

test("labels close together climb like stairs and never touch", () => {
  const { placed, rows } = layout([100, 110, 120].map((x) => ({ x, text: "gamma" })));
  assert.equal(rows, 3);
  assert.deepEqual(placed.map((mark) => mark.row).toSorted(), [0, 1, 2]);
});

test("what finds no row keeps its line and loses its label", () => {
  const marks = Array.from({ length: 40 }, (_, i) => ({ x: 100 + i, text: "a long label" }));
  const { placed } = layout(marks);
  const { shapes, annotations } = drawMarks(placed, 200, theme);
  assert.equal(shapes.length, 40);
  assert.ok(annotations.length < 40);
  assert.equal(annotations.length, placed.filter((mark) => mark.row >= 0).length);
});

test("marks out of view are left out", () => {
  assert.deepEqual(layout([{ x: -5, text: "a" }, { x: 1_200, text: "b" }]), { placed: [], rows: 0 });
});

test("a line rises to its label", () => {
  const { placed } = layout([{ x: 100, text: "gamma" }]);
  const { shapes, annotations } = drawMarks(placed, 100, theme);
  assert.equal(shapes[0].y1, 1 + (0.8 * MARK_ROW_PX) / 100);
  assert.equal(annotations[0].text, "gamma");
  assert.equal(annotations[0].font.color, "#000000");
});

test("a slider that keys move is one mark, from where it stood to where it was left", () => {
  const change = (wall_time_s, field, old, value) => ({
    wall_time_s,
    episode: Math.round(10 * wall_time_s),
    text: `${field} ${old} → ${value}`,
    changes: [{ field, new: value }],
  });
  const changes = [
    change(1, "gamma", 0.9, 0.95),
    change(2.5, "gamma", 0.95, 0.97),
    change(4, "gamma", 0.97, 0.99),
    change(5, "tau", 1, 2),
    change(9, "tau", 2, 3),
  ];
  assert.deepEqual(marksOf(changes), [
    { x: 10, text: "gamma 0.9 → 0.99" },
    { x: 50, text: "tau 1 → 2" },
    { x: 90, text: "tau 2 → 3" },
  ]);
});
