// Whether a link to a page was pressed whose page has not come yet.
//
// Streamlit sends the page and the query with each message to Python, and learns of the new ones only from the answer.
// What a component sends in between names the page that is being left, and the press would be undone.

const LINKS = "[data-testid='stPageLink'] a, [data-testid='stTopNavLinkContainer'] a, [data-testid='stSidebarNav'] a";
const LONGEST_MS = 5_000; // For a link to the very address that is shown, which never changes.

/** @type {string | undefined} The address at which a link was pressed. */
let left;

document.addEventListener("click", (event) => {
  const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button > 0;
  if (opensElsewhere || !(/** @type {Element} */ (event.target).closest(LINKS))) return;
  const from = location.href;
  left = from;
  setTimeout(() => {
    if (left === from) left = undefined;
  }, LONGEST_MS);
}, true);

/** Whether it is so now. */
export function isLeaving() {
  return left === location.href;
}
