// Saves a chart through Plotly's own download, with the format set just before: Plotly offers one format at a time.

const SCALE = { svg: 1, png: 2 }; // a PNG twice as fine stays sharp on a slide

/** @typedef {Element & {_context?: {toImageButtonOptions: object}}} Plot what Plotly has drawn, with its options */

/** @param {string} chart the chart's key @param {"svg" | "png"} format */
function save(chart, format) {
  const plot = /** @type {Plot | null} */ (document.querySelector(`.st-key-${CSS.escape(chart)} .js-plotly-plot`));
  if (!plot?._context) return; // the chart is not drawn yet
  Object.assign(plot._context.toImageButtonOptions, { format, scale: SCALE[format] });
  plot.querySelector('.modebar-btn[data-title^="Download"]')?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
}

/** @param {{data: {chart: string, words: Record<string, string>}, parentElement: ParentNode}} component */
export default function mount({ data, parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    const format = /** @type {"svg" | "png"} */ (button.dataset.format);
    button.setAttribute("aria-label", data.words[format]);
    button.onclick = () => save(data.chart, format);
  }
}
