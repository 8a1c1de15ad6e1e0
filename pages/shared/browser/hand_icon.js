// A raised hand, drawn: not every machine has a letter for it.

import { makeSvg } from "./format.js";

const FINGERS = "M6 13V7.5M9 11.5V4.5M12 11V3.5M15 11.5V5.5M18 13.5V9M6 13v2.5C6 19 8.5 21 12 21s6-2.5 6-6.5";

export function handIcon() {
  const attributes = { viewBox: "0 0 24 24", class: "dqn-hand-icon", "aria-hidden": "true" };
  const lines = { d: FINGERS, fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round" };
  return makeSvg("svg", attributes, makeSvg("path", lines));
}
