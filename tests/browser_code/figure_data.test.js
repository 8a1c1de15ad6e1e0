import assert from "node:assert/strict";
import { test } from "node:test";

import { csvText, tableOf, tracesAt, unpacked } from "../../pages/shared/figure/figure_data.js";

const packed = (array, shape) => {
  const bdata = Buffer.from(array.buffer).toString("base64");
  const dtype = { Float32Array: "f4", Float64Array: "f8", Int16Array: "i2" }[array.constructor.name];
  return { dtype, bdata, ...(shape && { shape }) };
};

test("arrays come as plotly packs them", () => {
  const figure = unpacked({ data: [{ x: packed(new Int16Array([1, -2])), name: "a", y: [1.5, null] }] });
  assert.deepEqual([...figure.data[0].x], [1, -2]);
  assert.deepEqual(figure.data[0].y, [1.5, null]);
});

test("an array of two dimensions becomes rows", () => {
  const rows = unpacked(packed(new Float64Array([1, 2, 3, 4, 5, 6]), "2, 3"));
  assert.deepEqual(rows.map((row) => [...row]), [[1, 2, 3], [4, 5, 6]]);
});

test("a frame changes what differs in its traces", () => {
  const figure = { data: [{ x: [1], y: [2] }, { x: [3], y: [4] }] };
  const frames = [{ data: [{ y: [5] }] }];
  assert.deepEqual(tracesAt(figure, frames, 0), [{ x: [1], y: [5] }, { x: [3], y: [4] }]);
  assert.deepEqual(tracesAt(figure, [], 0), figure.data);
});

test("a table has a row a point, and a column that tells several traces apart", () => {
  const meta = { columns: { x: "step", y: "q" } };
  const traces = [
    { name: "a", x: [1, 2], y: new Float32Array([0.1, 0.2]), meta },
    { name: "b", x: [1], y: [3], meta },
    { name: "hidden", x: [1], y: [3], meta, visible: false },
    { name: "no table", x: [1], y: [3] },
  ];
  assert.deepEqual(tableOf(traces, { series: "series" }), [
    ["series", "step", "q"],
    ["a", 1, 0.100000001], // a float32 in as many digits as tell it from its neighbours
    ["a", 2, 0.200000003],
    ["b", 1, 3],
  ]);
});

test("a heatmap has a row a cell, and custom data have their own columns", () => {
  const heatmap = { x: [1, 2], y: [7], z: [[0.5, 0.25]], meta: { columns: { x: "a", y: "b", z: "c" } } };
  assert.deepEqual(tableOf([heatmap], {}), [["a", "b", "c"], [1, 7, 0.5], [2, 7, 0.25]]);
  const lines = { customdata: [[1, 2]], meta: { columns: { customdata: ["p", "q"] } } };
  assert.deepEqual(tableOf([lines], {}), [["p", "q"], [1, 2]]);
});

test("a table that is saved opens right in a spreadsheet", () => {
  const rows = [["=1+1", "-0.5", "환경"], [1 + (0.05 - 1), 1 / 3, "+a,b"], [null, NaN, 'say "a"']];
  assert.equal(csvText(rows), `'=1+1,-0.5,환경\r\n0.05,${1 / 3},"'+a,b"\r\n,,"say ""a"""\r\n`);
});
