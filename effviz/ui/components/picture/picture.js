// Saves a chart as a slide through Plotly's own download: only the file gets the slide's layout.

const WIDTH = 1920;
const HEIGHT = 1080;

/** @typedef {{size?: number | number[], width?: number}} Sized @typedef {{textfont?: Sized, marker?: Sized, line?: Sized}} Trace */
/** @typedef {{layout: object, textPx: number, times: number}} Slide larger text, and the scale factor for everything else */
/** @typedef {Element & {_context?: {toImageButtonOptions: object}, data: Trace[], layout: object}} Plot a chart drawn by Plotly, with its options */

/** @param {string} chart the chart's key @returns {Plot | null} */
const plotOf = (chart) => document.querySelector(`.st-key-${CSS.escape(chart)} .js-plotly-plot`);

/** @param {Trace} trace @param {Slide} slide @returns {Trace} */
function enlarged(trace, { textPx, times }) {
  const marker = typeof trace.marker?.size === "number" ? { ...trace.marker, size: trace.marker.size * times } : trace.marker;
  const line = trace.line?.width ? { ...trace.line, width: trace.line.width * times } : trace.line;
  return { ...trace, textfont: { ...trace.textfont, size: textPx }, ...(marker && { marker }), ...(line && { line }) };
}

/** @param {string} chart @param {"svg" | "png"} format @param {Slide} slide */
function save(chart, format, slide) {
  const plot = plotOf(chart);
  if (!plot?._context) return; // the chart has not been drawn yet
  const { data, layout } = plot;
  Object.assign(plot._context.toImageButtonOptions, { format, width: WIDTH, height: HEIGHT, scale: 1 });
  plot.data = data.map((trace) => enlarged(trace, slide)); // Plotly copies both before the click returns
  plot.layout = slide.layout;
  try {
    plot.querySelector('.modebar-btn[data-title^="Download"]')?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  } finally {
    Object.assign(plot, { data, layout });
  }
}

/** Fill the screen with one chart, which Python redraws. @param {string} chart */
const present = (chart) => location.assign(`${location.pathname.replace(/[^/]*$/, "")}?embed=${encodeURIComponent(chart)}&present=true`);

/** @param {{data: [{chart: string, alone: boolean, slide: Slide, words: Record<string, string>}], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    const does = /** @type {"svg" | "png" | "link" | "room"} */ (button.dataset.format);
    button.setAttribute("aria-label", data.words[does]);
    button.title = data.words[does];
    button.onclick = () => {
      if (does === "link") void copyLink(button, data.chart, data.words.copied);
      else if (does === "room") present(data.chart);
      else save(data.chart, does, data.slide);
    };
    if (does === "link") Object.assign(button, { textContent: data.words.linkShort, hidden: false });
    if (does === "room") Object.assign(button, { textContent: data.words.roomShort, hidden: !data.alone });
  }
  arrive(data.chart);
}
