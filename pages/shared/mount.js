// A component's object over Streamlit's calls: one for each place on the page, as long as what it is built from stays.

const RETRY_MS = 1000;

const places = new WeakMap(); // Element that Streamlit gave -> {panel, identity, styles, links, owner}
const constants = new Map(); // Address -> promise of the values there

/**
 * Has the `Kind` at the component's element, the one that is there or a new one, show the component's data. Streamlit
 * calls a component at each change of data or theme; the newest call's clean-up, which is given back, alone takes the
 * object away.
 *
 * A `Kind` is built from (parentElement, data); `accept(data, setTriggerValue)` is told what each call brings, and
 * `dispose()` is its end. Where the text of its static `identityOf(data)` is another than before, it is built anew.
 *
 * `styles` are style sheets by their path below pages/: the object is built when they have come, and they go with it.
 * Values that are the same at each call are fetched once, from the address `data.constants`.
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
  place.panel ??= new Kind(parentElement, whole);
  place.identity = identity;
  place.panel.accept(whole, setTriggerValue);
  return () => {
    if (place.owner !== owner) return;
    places.delete(parentElement);
    place.panel.dispose();
    for (const link of place.links) link.remove();
  };
}

/** A style sheet in the component's own element: it holds where and as long as the component does. */
function addStyle(parent, links, name) {
  const link = document.createElement("link");
  const address = String(new URL(`../${name}`, import.meta.url));
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

/** What is at `address`, asked for until it comes: the server may be away just now. */
function constantsAt(address) {
  if (!address) return {};
  if (!constants.has(address)) constants.set(address, fetchPatiently(address));
  return constants.get(address);
}

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
