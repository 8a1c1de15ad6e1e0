// The page's colours and font as Streamlit's CSS variables give them, and Plotly's few words.

/**
 * @template Colors
 * @typedef {object} Theme The page's colours and font.
 * @property {boolean} isDark
 * @property {string} text
 * @property {string} background
 * @property {string} grid
 * @property {string} axis
 * @property {string} border
 * @property {string} font
 * @property {Colors} colors
 */

/**
 * Colours and font at `root`; the palette's light or dark tones, whichever fits the page's background.
 * @template Colors
 * @param {Element} root
 * @param {{light: Colors, dark: Colors}} palettes
 * @returns {Theme<Colors>}
 */
export function readTheme(root, palettes) {
  const style = getComputedStyle(root);
  /** @type {(name: string, fallback: string) => string} */
  const read = (name, fallback) => style.getPropertyValue(`--st-${name}`).trim() || fallback;
  const text = read("text-color", style.color);
  const background = read("background-color", "#ffffff");
  const isDark = luminance(background) < 0.4;
  return {
    isDark,
    text,
    background,
    grid: withAlpha(text, isDark ? 0.14 : 0.11),
    axis: withAlpha(text, isDark ? 0.75 : 0.8),
    border: withAlpha(text, 0.28),
    font: read("font", style.fontFamily),
    colors: palettes[isDark ? "dark" : "light"],
  };
}

/**
 * Red, green, blue (0..255) of any CSS colour.
 * @param {string} color
 */
function channels(color) {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  context.fillStyle = color;
  const normal = String(context.fillStyle); // "#rrggbb", or "rgba(r, g, b, a)" where it is translucent
  if (normal.startsWith("#")) return [1, 3, 5].map((at) => parseInt(normal.slice(at, at + 2), 16));
  return (normal.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/**
 * @param {string} color
 * @param {number} alpha
 */
export function withAlpha(color, alpha) {
  return `rgba(${channels(color).join(", ")}, ${alpha})`;
}

/**
 * Relative luminance, 0 black to 1 white (WCAG 2).
 * @param {string} color
 */
function luminance(color) {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * Plotly's own few words in the reader's language; gives the name to use as `config.locale`.
 * @param {any} Plotly
 * @param {string} locale
 * @param {import("./format.js").Labels} labels
 */
export function registerWords(Plotly, locale, labels) {
  const name = `${locale}-dqn-lab`;
  Plotly.register({
    moduleType: "locale",
    name,
    dictionary: {
      Zoom: labels.zoom,
      Pan: labels.pan,
      "Zoom in": labels.zoom_in,
      "Zoom out": labels.zoom_out,
      "Reset axes": labels.reset_axes,
      "Double-click to zoom back out": labels.zoom_out_hint,
    },
    format: {},
  });
  return name;
}
