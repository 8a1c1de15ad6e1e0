// Marks of live changes: a dashed line at the episode, its label above the plot on a row of its own where it must.

export const MARK_FONT_SIZE = 11;
export const MARK_ROW_PX = 15;
const MARK_ROWS = 4;
const MARK_GAP_PX = 10;
const ROOM_LEFT_PX = 44; // Beside the plot, where the axis has its numbers further down.
const ROOM_RIGHT_PX = 12;

/** @typedef {{x: number, text: string}} Mark A label at an episode. */
/** @typedef {"left" | "right"} Side Where a label begins: its anchor. */
/** @typedef {Mark & {pixel: number, extent: number, from: number, side: Side, row: number}} PlacedMark */

const ONE_CHANGE_S = 2;
const ARROW = " → ";

/**
 * A mark for each change; one for a setting that was changed again and again within two seconds, as keys move a slider.
 * @param {import("./panel_view.js").RunChange[]} changes
 * @returns {Mark[]}
 */
export function marksOf(changes) {
  /** @type {Mark[]} */
  const marks = [];
  /** @type {import("./panel_view.js").RunChange | null} */
  let before = null;
  for (const change of changes) {
    const mark = marks.at(-1);
    if (mark && before && isSameMove(before, change)) {
      mark.text = mark.text.split(ARROW)[0] + ARROW + change.text.split(ARROW).slice(1).join(ARROW);
    } else {
      marks.push({ x: change.episode, text: change.text });
    }
    before = change;
  }
  return marks;
}

/**
 * @param {import("./panel_view.js").RunChange} before
 * @param {import("./panel_view.js").RunChange} change
 */
function isSameMove(before, change) {
  const isOne = before.changes.length === 1 && change.changes.length === 1;
  const isSame = isOne && before.changes[0].field === change.changes[0].field;
  return isSame && change.wall_time_s - before.wall_time_s <= ONE_CHANGE_S;
}

/**
 * A row and a side for each label, such that none touches another and none lies across a line that rises past it.
 * A label stands to the right of its line, or to the left where the chart ends. Changes close together climb like
 * stairs: their lines rise highest where the labels of the others do not reach. A label that finds no free row is left
 * out of the chart; its line stays, and the list below the charts names every change.
 * @param {Mark[]} marks
 * @param {(x: number) => number} toPixel
 * @param {number} width
 * @param {(text: string) => number} measure In pixels.
 */
export function layoutMarks(marks, toPixel, width, measure) {
  const visible = marks
    .map((mark) => unplaced(mark, toPixel(mark.x), measure(mark.text) + MARK_GAP_PX))
    .filter(({ pixel }) => pixel >= -0.5 && pixel <= width + 0.5)
    .sort((one, other) => one.pixel - other.pixel);
  for (const mark of visible) {
    const isBeyond = mark.pixel + mark.extent > width + ROOM_RIGHT_PX;
    mark.side = isBeyond && mark.pixel - mark.extent >= -ROOM_LEFT_PX ? "right" : "left";
    const from = mark.side === "left" ? mark.pixel : mark.pixel - mark.extent;
    // Too long for either side: it lies across its own line, which ends behind it.
    mark.from = Math.max(-ROOM_LEFT_PX, Math.min(from, width + ROOM_RIGHT_PX - mark.extent));
  }
  /** @type {PlacedMark[]} */
  const placed = [];
  const ofSide = (/** @type {Side} */ side) => visible.filter((mark) => mark.side === side);
  for (const mark of [...ofSide("right"), ...ofSide("left").reverse()]) {
    mark.row = freeRow(mark, placed);
    placed.push(mark);
  }
  return { placed, rows: 1 + Math.max(-1, ...placed.map((mark) => mark.row)) };
}

/**
 * @param {Mark} mark
 * @param {number} pixel
 * @param {number} extent
 * @returns {PlacedMark}
 */
function unplaced(mark, pixel, extent) {
  return { ...mark, pixel, extent, from: pixel, side: "left", row: -1 };
}

/**
 * Lowest row where the label fits, or -1.
 * @param {PlacedMark} mark
 * @param {PlacedMark[]} placed
 */
function freeRow(mark, placed) {
  const to = mark.from + mark.extent;
  const isFree = (/** @type {number} */ row) =>
    placed.every((other) => {
      const isCrossed = other.pixel > mark.from && other.pixel < to && other.row >= row;
      const isTouched = other.row === row && other.from < to && other.from + other.extent > mark.from;
      return !isCrossed && !isTouched;
    });
  for (let row = 0; row < MARK_ROWS; row += 1) if (isFree(row)) return row;
  return -1;
}

/**
 * Plotly shapes and annotations of placed marks; lines rise to their labels through the margin above the plot.
 * @param {PlacedMark[]} placed
 * @param {number} plotHeight
 * @param {{colors: Record<string, string>, background: string, text: string}} theme
 * @param {number} [scale] Of the labels.
 */
export function drawMarks(placed, plotHeight, theme, scale = 1) {
  const color = theme.colors.change;
  const rowPx = MARK_ROW_PX * scale;
  const rise = (/** @type {PlacedMark} */ mark) => (mark.row < 0 ? 0 : (mark.row + 0.8) * rowPx);
  const shapes = placed.map((mark) => ({
    type: "line",
    xref: "x",
    yref: "paper",
    x0: mark.x,
    x1: mark.x,
    y0: 0,
    y1: 1 + rise(mark) / plotHeight,
    line: { color, width: 1.25, dash: "dash" },
  }));
  const annotations = placed
    .filter((mark) => mark.row >= 0)
    .map((mark) => ({
      xref: "x",
      yref: "paper",
      x: mark.x,
      y: 1,
      yshift: mark.row * rowPx,
      xshift:
        mark.side === "left"
          ? mark.from - mark.pixel + MARK_GAP_PX / 2
          : mark.from + mark.extent - mark.pixel - MARK_GAP_PX / 2,
      xanchor: mark.side,
      yanchor: "bottom",
      borderpad: 0,
      showarrow: false,
      bgcolor: theme.background, // A line that must pass behind a label does not strike it through.
      text: mark.text,
      font: { color: theme.text, size: MARK_FONT_SIZE * scale },
    }));
  return { shapes, annotations };
}
