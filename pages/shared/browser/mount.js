// A component's object over Streamlit's calls: one for each place on the page, as long as what it is built from stays.

import { isLeaving } from "./leaving.js";

const RETRY_MS = 1000;
const LOOK_MS = 50;

/** @typedef {Record<string, any>} Data What Python hands over, and the constants. */
/** @typedef {(name: string, value: unknown) => void} SetTriggerValue */
/**
 * @typedef {object} Panel What a component shows.
 * @property {Element} root
 * @property {(data: any, setTriggerValue: SetTriggerValue) => void} accept
 * @property {() => void} dispose
 */
/** @typedef {{new (parent: HTMLElement, data: any): Panel, identityOf(data: any): string}} Kind */
/**
 * @typedef {object} Place
 * @property {HTMLLinkElement[]} links
 * @property {Promise<unknown>} [styles]
 * @property {Panel} [panel]
 * @property {string} [identity]
 * @property {object} [owner]
 */

/** @type {WeakMap<HTMLElement, Place>} By the element that Streamlit gave. */
const places = new WeakMap();
/** @type {Map<string, Promise<Data>>} By address. */
const constants = new Map();
/** @type {(() => void)[]} What components have to say, each in a task of its own. */
const unsaid = [];
let presses = 0;
for (const kind of ["click", "keydown", "input", "change"]) document.addEventListener(kind, () => (presses += 1), true);

/**
 * Has the `Kind` at the component's element, the one that is there or a new one, show the component's data. Streamlit
 * calls a component at each change of data or theme; the newest call's clean-up, which is given back, alone takes the
 * object away.
 *
 * A `Kind` is built from (parentElement, data); `accept(data, setTriggerValue)` is told what each call brings, and
 * `dispose()` is its end. Where the text of its static `identityOf(data)` is another than before, it is built anew.
 * What it says waits until Streamlit has sent what was said before, and until the page of a link that is being
 * followed has come; it is not said if the object is gone.
 *
 * `styles` are style sheets by their path below pages/: the object is built when they have come, and they go with it.
 * Values that are the same at each call are fetched once, from the address `data.constants`.
 * @param {{data: Data, parentElement: HTMLElement, setTriggerValue: SetTriggerValue}} component
 * @param {Kind} Kind
 * @param {string[]} styles
 * @returns {Promise<() => void>}
 */
export async function mount({ data, parentElement, setTriggerValue }, Kind, styles) {
  const owner = {};
  const place = places.get(parentElement) ?? { links: [] };
  places.set(parentElement, place);
  place.owner = owner;
  place.styles ??= Promise.all(styles.map((name) => addStyle(parentElement, place.links, name)));
  const [fixed] = await Promise.all([constantsAt(data.constants), place.styles]);
  if (place.owner !== owner || !parentElement.isConnected) return () => undefined;
  const whole = { ...fixed, ...data };
  const identity = Kind.identityOf(whole);
  if (place.panel && (place.identity !== identity || !place.panel.root.isConnected)) {
    place.panel.dispose();
    place.panel = undefined;
  }
  const panel = (place.panel ??= new Kind(parentElement, whole));
  place.identity = identity;
  panel.accept(whole, (name, value) => {
    sayAlone(() => {
      if (panel.root.isConnected) setTriggerValue(name, value);
    });
  });
  return () => {
    if (place.owner !== owner) return;
    places.delete(parentElement);
    panel.dispose();
    for (const link of place.links) link.remove();
  };
}

/**
 * Calls `say` in a task of its own: after what was said before, after what a press said just now has been sent, and on
 * the page to which a link is being followed.
 *
 * Streamlit sends all that was said up to a timer as one message, and that draws a single fragment again: of two that
 * said something, the other would stay as it was.
 * @param {() => void} say
 */
function sayAlone(say) {
  unsaid.push(say);
  if (unsaid.length === 1) sayNextLater();
}

function sayNextLater() {
  const before = presses;
  setTimeout(() => {
    if (presses !== before || isLeaving()) return sayNextLater(); // After a press, Streamlit's timer may be still to come.
    const say = unsaid[0];
    try {
      say?.();
    } finally {
      unsaid.shift();
      if (unsaid.length > 0) sayNextLater();
    }
  }, isLeaving() ? LOOK_MS : 0);
}

/**
 * A style sheet in the component's own element: it holds where and as long as the component does.
 * @param {HTMLElement} parent
 * @param {HTMLLinkElement[]} links
 * @param {string} name
 */
function addStyle(parent, links, name) {
  const link = document.createElement("link");
  const address = String(new URL(`../../${name}`, import.meta.url));
  link.rel = "stylesheet";
  const isLoaded = new Promise((resolve) => {
    link.addEventListener("load", resolve);
  });
  link.addEventListener("error", () => setTimeout(() => link.setAttribute("href", address), RETRY_MS));
  link.setAttribute("href", address);
  links.push(link);
  parent.append(link);
  return isLoaded;
}

/**
 * What is at `address`, asked for until it comes: the server may be away just now.
 * @param {string | undefined} address
 */
function constantsAt(address) {
  if (!address) return {};
  const known = constants.get(address) ?? fetchPatiently(address);
  constants.set(address, known);
  return known;
}

/**
 * @param {string} address
 * @returns {Promise<Data>}
 */
async function fetchPatiently(address) {
  for (;;) {
    try {
      const response = await fetch(address);
      if (response.ok) return await response.json();
    } catch {
      // Asked again below.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
