// The page as a whole: its language and a way past menu and settings, for whoever reads or steers it without a mouse; and
// lists that stay open.

import { setAttribute, setText } from "./format.js";
import "./open_list.js";

const LINK_ID = "dqn-skip-link";

/**
 * Says which language the page is in, and puts a link before all else that leads to the element `target`.
 * @param {{language: string, skip: string, target: string}} page `skip` is what the link says.
 */
export function describeDocument({ language, skip, target }) {
  setAttribute(document.documentElement, "lang", language);
  const known = document.querySelector(`#${LINK_ID}`);
  const link = known instanceof HTMLAnchorElement ? known : document.createElement("a");
  if (link !== known) {
    link.id = LINK_ID;
    // The address stays as it is: it holds the page's state, and Streamlit follows it.
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const place = document.querySelector(link.hash);
      if (place instanceof HTMLElement) place.focus();
    });
    document.body.prepend(link);
  }
  link.href = `#${target}`;
  setText(link, skip);
}
