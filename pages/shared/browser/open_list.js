// A list of choices stays open while what stands above it grows or shrinks.
//
// The browser then scrolls along, so that nothing moves on the screen. React Aria, which draws Streamlit's lists, closes
// an open one at any scrolling, and a choice made in that moment is lost.

const OPEN = "[role='combobox'][aria-expanded='true']";
const SAME_PLACE_PX = 1;

/** @type {Element | null} The field whose list is open. */
let field = null;
let edge = 0; // How far down the screen its upper edge is, in pixels.

const edgeOf = (/** @type {Element | null} */ element) => element?.getBoundingClientRect().top ?? 0;

new MutationObserver(() => {
  const open = document.querySelector(OPEN);
  if (open === field) return;
  field = open;
  edge = edgeOf(field);
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["aria-expanded"] });

// React Aria listens in the same phase, from when a list is open: it comes after this.
addEventListener("scroll", (event) => {
  if (!field?.isConnected || !(/** @type {Node} */ (event.target).contains(field))) return;
  const before = edge;
  edge = edgeOf(field);
  if (Math.abs(edge - before) < SAME_PLACE_PX) event.stopImmediatePropagation();
}, true);
