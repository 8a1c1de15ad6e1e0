// Colours of a figure: its traces name roles (`meta.color`, `meta.scale`), the page's ground decides the tones.

import { paintedLayout } from "../browser/plot_card.js";
import { withAlpha } from "../browser/plot_theme.js";

const FILL_ALPHA = 0.16;

/** @typedef {import("../browser/plot_theme.js").Theme<Record<string, string>> & {series: string[]}} FigureTheme */
/** @typedef {{light: Record<string, string[]>, dark: Record<string, string[]>}} Scales */
/** @typedef {string | number | undefined} Role Of the palette, or the number of one of many colours. */

/**
 * `trace` in the colours that its roles have on this page.
 * @param {any} trace
 * @param {FigureTheme} theme
 * @param {Scales} scales
 */
export function paintedTrace(trace, theme, scales) {
  const { meta = {} } = trace;
  const painted = { ...trace };
  const color = colorOf(meta.color, theme);
  if (color !== undefined) {
    const isLine = !trace.type?.match(/bar|histogram/) && trace.mode?.includes("lines");
    if (isLine) painted.line = { ...trace.line, color };
    if (trace.fill) painted.fillcolor = withAlpha(color, meta.fill_alpha ?? FILL_ALPHA);
    if (trace.marker || trace.type === "bar") painted.marker = { ...trace.marker, color, line: rimOf(trace, theme) };
  }
  if (meta.colors) painted.marker = { ...trace.marker, color: meta.colors.map((/** @type {Role} */ role) => colorOf(role, theme)) };
  if (meta.scale) paintScale(painted, trace, scaleOf(meta.scale, theme, scales), theme);
  return painted;
}

/**
 * @param {Role} role
 * @param {FigureTheme} theme
 */
function colorOf(role, theme) {
  if (typeof role === "number") return theme.series[role % theme.series.length];
  if (role === "text") return theme.text;
  return role === undefined ? undefined : theme.colors[role];
}

/**
 * @param {any} trace
 * @param {FigureTheme} theme
 */
function rimOf(trace, theme) {
  return { color: theme.background, width: 0, ...trace.marker?.line };
}

/**
 * @param {any} painted
 * @param {any} trace
 * @param {[number, Role][]} colorscale
 * @param {FigureTheme} theme
 */
function paintScale(painted, trace, colorscale, theme) {
  const bar = { outlinewidth: 0, tickcolor: theme.border, tickfont: { color: theme.axis, size: 12 } };
  const colorbar = (/** @type {any} */ own) => ({ ...bar, ...own, title: { ...own?.title, font: { color: theme.axis, size: 12 } } });
  if (trace.type === "heatmap") {
    painted.colorscale = colorscale;
    painted.colorbar = colorbar(trace.colorbar);
  } else if (trace.type === "parcoords") {
    painted.line = { ...trace.line, colorscale };
  } else {
    painted.marker = { ...trace.marker, colorscale, colorbar: colorbar(trace.marker?.colorbar) };
  }
}

/**
 * A name of `scales`, or {steps: [roles]}: a flat colour for each whole number from 0.
 * @param {string | {steps: Role[]}} scale
 * @param {FigureTheme} theme
 * @param {Scales} scales
 * @returns {[number, Role][]}
 */
function scaleOf(scale, theme, scales) {
  if (typeof scale !== "string") {
    const count = scale.steps.length;
    return scale.steps.flatMap((role, i) => [
      [i / count, colorOf(role, theme)],
      [(i + 1) / count, colorOf(role, theme)],
    ]);
  }
  const colors = scales[theme.isDark ? "dark" : "light"][scale];
  return colors.map((color, i) => [i / (colors.length - 1), color]);
}

/**
 * `layout` in the page's colours and font, and its lines in those of their roles.
 * @param {any} layout
 * @param {FigureTheme} theme
 * @param {import("../browser/format.js").Formats} formats
 */
export function figureLayout(layout, theme, formats) {
  return {
    ...paintedLayout(layout, theme, formats, theme.colors.data),
    shapes: (layout.shapes ?? []).map((/** @type {any} */ shape) => paintedShape(shape, theme)),
    annotations: (layout.annotations ?? []).map((/** @type {any} */ each) => ({ ...each, font: { color: theme.axis, size: 12 } })),
  };
}

/**
 * @param {any} shape
 * @param {FigureTheme} theme
 */
function paintedShape(shape, theme) {
  const { name: role, ...rest } = shape;
  return { ...rest, line: { ...shape.line, color: colorOf(role || "change", theme) } };
}
