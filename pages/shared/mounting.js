// A component's object over Streamlit's calls: one for each place on the page, as long as what it is built from stays.

const mounted = new WeakMap(); // Element that Streamlit gave -> {panel, owner}

/**
 * The `Kind` at `parentElement`, the one that is there or a new one, and what takes it away. Streamlit calls a component
 * at each change of data or theme; the newest call's clean-up alone takes the object away.
 */
function keepMounted(Kind, parentElement, data) {
  const owner = {};
  let panel = mounted.get(parentElement)?.panel;
  if (panel && (panel.identity !== Kind.identityOf(data) || !panel.root.isConnected)) {
    panel.dispose();
    panel = undefined;
  }
  panel ??= new Kind(parentElement, data);
  mounted.set(parentElement, { panel, owner });
  const cleanUp = () => {
    if (mounted.get(parentElement)?.owner !== owner) return;
    mounted.delete(parentElement);
    panel.dispose();
  };
  return { panel, cleanUp };
}
