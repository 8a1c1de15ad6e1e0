// Numbers, durations and sentences in the reader's language, and one helper to build elements.

export const DASH = "–";

/** @typedef {Record<string, string>} Labels Texts in the reader's language, by name. */
/** @typedef {ReturnType<typeof makeFormats>} Formats */

/**
 * `template` with each `{name}` (or `{name:spec}`) replaced; an unknown name stays as it is.
 * @param {string} template
 * @param {Record<string, unknown>} values
 */
export function fill(template, values) {
  return template.replace(/\{(\w+)(?::[^}]*)?\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Formatters of the page's locale; each shows a dash where there is no number.
 * @param {string} locale
 */
export function makeFormats(locale) {
  /** @param {Intl.NumberFormatOptions} options */
  const number = (options) => {
    const format = new Intl.NumberFormat(locale, options);
    return (/** @type {number | null | undefined} */ value) => (isNumber(value) ? format.format(value) : DASH);
  };
  const plain = number({ maximumSignificantDigits: 6 });
  return {
    locale,
    integer: number({ maximumFractionDigits: 0 }),
    score: number({ minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    epsilon: number({ minimumFractionDigits: 3, maximumFractionDigits: 3 }),
    quality: number({ minimumFractionDigits: 2, maximumFractionDigits: 2 }),
    percent: number({ style: "percent", maximumFractionDigits: 0 }),
    significant: number({ maximumSignificantDigits: 3 }),
    setting: (/** @type {unknown} */ value) => {
      if (typeof value !== "number") return Array.isArray(value) ? value.join(", ") : String(value ?? DASH);
      const size = Math.abs(value);
      return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential().replace("e+", "e") : plain(value);
    },
    separators: separatorsOf(locale),
  };
}

/**
 * Whether there is a finite number.
 * @param {unknown} value
 * @returns {value is number}
 */
function isNumber(value) {
  return Number.isFinite(value);
}

/**
 * Decimal mark and group mark of `locale`, in the order that Plotly wants them.
 * @param {string} locale
 */
function separatorsOf(locale) {
  const parts = new Intl.NumberFormat(locale).formatToParts(1234567.8);
  /** @type {(type: string, fallback: string) => string} */
  const mark = (type, fallback) => parts.find((part) => part.type === type)?.value ?? fallback;
  return mark("decimal", ".") + mark("group", ",");
}

/**
 * Seconds as m:ss or h:mm:ss, which reads the same in every language.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (!isNumber(seconds)) return DASH;
  const whole = Math.max(0, Math.round(seconds));
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * An element with attributes and children; strings become text, never markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string | null | undefined)[]} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/**
 * An element of a drawing, with attributes and children.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {Node[]} children
 */
export function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Writes only what differs: an untouched node costs no layout and is not announced again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
