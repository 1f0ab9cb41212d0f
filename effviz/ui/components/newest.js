// Streamlit's calls of one component. Each waits until the component's script is loaded, so an older call can arrive
// after a newer one. Streamlit then cleans up the older call, and the data of the newer one is shown again.

/** @type {WeakMap<Element, (() => void)[]>} by component: calls that are not cleaned up yet, the newest last */
const callsOf = new WeakMap();

/** @type {WeakMap<Element, any>} by component: the object that draws it */
const instances = new WeakMap();

/** Return the object that draws a component, created at its first call. @template T @param {Element} root @param {() => T} make @returns {T} */
function instanceOf(root, make) {
  if (!instances.has(root)) instances.set(root, make());
  return instances.get(root);
}

/** Show the data of a call. @param {Element} root @param {() => void} show @param {() => void} close when the component has left the page @returns {() => void} the cleanup function for Streamlit */
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
