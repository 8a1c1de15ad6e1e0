// Keys that are pressed without a button for them having the focus.

/**
 * Whether a key is one for the part of the page that is `element`. A letter, digit or sign acts only while the focus is
 * in it: whoever dictates, or brushes a key, starts nothing anywhere else (WCAG 2.1.4). Other keys act everywhere.
 * @param {{key: string, target: EventTarget | null}} event
 * @param {Element | null} element
 */
export function isShortcutOf({ key, target }, element) {
  const isCharacter = (key.length === 1 && key !== " ") || key === "Process"; // what Windows calls a Korean letter
  return !isCharacter || (element !== null && target instanceof Element && element.contains(target));
}

/**
 * Whether a key is that of a Latin letter, in small, be it that the keyboard writes Korean just now.
 * @param {{key: string, code: string}} event
 * @param {string} letter
 */
export function isLetter({ key, code }, letter) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase() === letter;
  return code === `Key${letter.toUpperCase()}`;
}
