// The entry point of the grid for Streamlit.

/** Streamlit calls this after every run whose data changed. @param {{data: [GridData], parentElement: ParentNode, setStateValue: Send, setTriggerValue: Send}} component */
export default function mount({ data: [data], parentElement, setStateValue, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".effviz-grid"));
  if (!document.createElement("canvas").getContext("2d")) {
    setStateValue("canvas", false);
    return undefined;
  }
  const grid = instanceOf(root, () => new Grid(root));
  return showNewest(root, () => grid.update(data, setStateValue, setTriggerValue), () => grid.close());
}
