// The door of the grid: Streamlit asks for it by this one function.

/** @type {WeakMap<Element, Grid>} */
const grids = new WeakMap();

/** Streamlit calls this after every run whose data changed. @param {{data: [GridData], parentElement: ParentNode, setStateValue: Send, setTriggerValue: Send}} component */
export default function mount({ data: [data], parentElement, setStateValue, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".effviz-grid"));
  if (!document.createElement("canvas").getContext("2d")) {
    setStateValue("canvas", false);
    return undefined;
  }
  const grid = grids.get(root) ?? new Grid(root);
  grids.set(root, grid);
  const show = () => grid.update(data, setStateValue, setTriggerValue);
  grid.calls.push(show);
  show();
  // Each call waits for this script to be there, and an older one can come after a newer one that has overtaken it; it is
  // told goodbye then. What the newer one brought is shown again.
  return () => {
    const last = grid.calls.at(-1) === show;
    grid.calls = grid.calls.filter((call) => call !== show);
    if (!root.isConnected) grid.close();
    else if (last) grid.calls.at(-1)?.();
  };
}
