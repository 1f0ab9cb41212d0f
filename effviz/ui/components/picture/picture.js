// Saves a chart through Plotly's own download, with the format set just before (Plotly offers one format at a time),
// or another drawing of the page as it is.

/** @param {string} key of the element that holds the picture @param {string} name @param {"svg" | "png"} format */
function save(key, name, format) {
  const holder = document.querySelector(`.st-key-${CSS.escape(key)}`);
  const plot = holder?.querySelector(".js-plotly-plot");
  if (!plot) {
    const svg = holder?.querySelector("svg.drawing");
    if (svg) saveDrawing(/** @type {SVGElement} */ (svg), name, format);
  } else if (plot._context) {
    Object.assign(plot._context.toImageButtonOptions, { format, scale: format === "png" ? FINE : 1 });
    plot.querySelector('.modebar-btn[data-title^="Download"]').dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }
}

/** @param {{data: {picture: string, name: string, words: Record<string, string>}, parentElement: ParentNode}} component */
export default function mount({ data, parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    const format = /** @type {"svg" | "png"} */ (button.dataset.format);
    button.setAttribute("aria-label", data.words[format]);
    button.onclick = () => save(data.picture, data.name, format);
  }
}
