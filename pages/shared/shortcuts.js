// Keys that are pressed without a button for them having the focus.

/**
 * Whether a key is one for the part of the page that is `element`. A letter, digit or sign acts only while the focus is
 * in it: whoever dictates, or brushes a key, starts nothing anywhere else (WCAG 2.1.4). Other keys act everywhere.
 * @param {{key: string, target: EventTarget | null}} event
 * @param {Element | null} element
 */
export function isShortcutOf({ key, target }, element) {
  const isCharacter = key.length === 1 && key !== " ";
  return !isCharacter || (element !== null && target instanceof Element && element.contains(target));
}
