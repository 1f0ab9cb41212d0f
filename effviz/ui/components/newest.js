// Streamlit's calls of one component. Each waits for the component's script to be there, so that an older call can come
// after a newer one that has overtaken it. It is told goodbye then, and what the newer one brought is shown again.

/** @type {WeakMap<Element, (() => void)[]>} by component: calls not told goodbye yet, the newest last */
const callsOf = new WeakMap();

/** @type {WeakMap<Element, any>} by component: what draws it */
const instances = new WeakMap();

/** What draws a component, made at its first call. @template T @param {Element} root @param {() => T} make @returns {T} */
function instanceOf(root, make) {
  if (!instances.has(root)) instances.set(root, make());
  return instances.get(root);
}

/** Shows what a call brought. @param {Element} root @param {() => void} show @param {() => void} close once the page has no such component any more @returns {() => void} for Streamlit to say goodbye with */
function showNewest(root, show, close = () => undefined) {
  const calls = callsOf.get(root) ?? [];
  callsOf.set(root, calls);
  calls.push(show);
  show();
  return () => {
    const wasLast = calls.at(-1) === show;
    calls.splice(calls.indexOf(show), 1);
    if (!root.isConnected) close();
    else if (wasLast) calls.at(-1)?.();
  };
}
