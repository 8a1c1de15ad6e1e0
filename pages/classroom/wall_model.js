// What the wall knows of the cards, and which of them it shows in which order. Draws nothing.

/**
 * @typedef {object} Detail What is drawn on a card in sight.
 * @property {string} run
 * @property {string} env
 * @property {number[]} curve
 * @property {string} stuck Why, in words; empty where the student is not.
 * @property {string[]} differences
 */
/**
 * @typedef {object} Card What the server says of one student.
 * @property {number} joined
 * @property {string} name
 * @property {boolean} hand
 * @property {boolean} stuck
 * @property {string} state
 * @property {string} state_text
 * @property {number} progress
 * @property {number | null} score
 * @property {Detail} [detail]
 */
/**
 * @typedef {object} WallMessage
 * @property {boolean} [whole] Whether the cards are all there are.
 * @property {Record<string, Card>} [cards]
 * @property {string[]} [gone]
 * @property {{member: string, jpeg: string}} [picture]
 */
/** @typedef {"name" | "progress" | "score"} Order */
/** @typedef {"all" | "stuck" | "hand"} Filter */
/** @typedef {Map<string, Card>} Cards By member. */

/**
 * Takes in what is new. A card that went out of sight keeps what it last showed.
 * @param {Cards} cards
 * @param {WallMessage} message
 */
export function take(cards, { whole = false, cards: changed = {}, gone = [] }) {
  if (whole) {
    for (const member of [...cards.keys()]) if (!(member in changed)) cards.delete(member);
  }
  for (const [member, card] of Object.entries(changed)) {
    cards.set(member, { ...card, detail: card.detail ?? cards.get(member)?.detail });
  }
  for (const member of gone) cards.delete(member);
}

/**
 * The members whose cards are shown, in their order: hands, names, or the furthest and the best first.
 * @param {Cards} cards
 * @param {Order} order
 * @param {Filter} filter
 * @param {string} locale
 */
export function shown(cards, order, filter, locale) {
  const names = new Intl.Collator(locale, { numeric: true });
  const entries = [...cards].filter(([, card]) => filter === "all" || card[filter]);
  entries.sort(
    ([, a], [, b]) => (order === "name" ? 0 : compared(a[order], b[order])) || names.compare(a.name, b.name) || a.joined - b.joined,
  );
  return entries.map(([member]) => member);
}

/**
 * The larger first; what has no number last.
 * @param {number | null} a
 * @param {number | null} b
 */
function compared(a, b) {
  if (a === b) return 0;
  return (b ?? -Infinity) - (a ?? -Infinity);
}

/**
 * How many there are, are stuck, and have a hand up.
 * @param {Cards} cards
 */
export function counts(cards) {
  const all = [...cards.values()];
  return { all: all.length, stuck: all.filter((card) => card.stuck).length, hand: all.filter((card) => card.hand).length };
}

/**
 * A curve as the path of an SVG of `width` by `height`, its lowest value at the bottom; empty for less than two points.
 * @param {number[]} values
 * @param {number} width
 * @param {number} height
 */
export function curvePath(values, width, height) {
  if (values.length < 2) return "";
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  const points = values.map((value, index) => {
    const x = (index / (values.length - 1)) * width;
    const y = range === 0 ? height / 2 : height - ((value - low) / range) * height;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}
