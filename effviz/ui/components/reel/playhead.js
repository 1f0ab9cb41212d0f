// A line on a chart of the page that shows the position of a sequence; Plotly would redraw the whole chart for it.

class Playhead {
  chart = "";
  x = 0;
  /** @type {any} */ found; // an element of Plotly, which has no types

  /** @param {HTMLElement} root whose colours it uses */
  constructor(root) {
    this.root = root;
    this.line = make("div", { class: "effviz-playhead", "aria-hidden": "true" });
    this.waiting = /** @type {number | null} */ (null);
  }

  /** @param {string} chart the chart's key @param {number} x in the chart's own unit */
  move(chart, x) {
    if (chart !== this.chart) this.found = undefined;
    Object.assign(this, { chart, x });
    this.draw();
  }

  draw() {
    if (this.waiting !== null) cancelAnimationFrame(this.waiting);
    this.waiting = null;
    const axes = this.plot()?._fullLayout;
    // Plotly loads with the first chart, which may be after the sequence.
    if (!axes?.xaxis?.l2p) this.waiting = requestAnimationFrame(() => this.draw());
    else this.put(axes);
  }

  /** The chart, which Streamlit may have recreated. */
  plot() {
    if (this.found?.isConnected) return this.found;
    this.found = document.querySelector(`.st-key-${CSS.escape(this.chart)} .js-plotly-plot`);
    this.found?.on?.("plotly_afterplot", () => this.draw()); // also after a resize
    return this.found;
  }

  /** @param {any} axes Plotly's layout of the chart */
  put({ xaxis, _size }) {
    const colour = getComputedStyle(this.root).getPropertyValue("--st-text-color");
    Object.assign(this.line.style, {
      position: "absolute",
      pointerEvents: "none",
      width: "2px",
      opacity: "0.7",
      background: colour,
      left: `${xaxis._offset + xaxis.l2p(this.x) - 1}px`,
      top: `${_size.t}px`,
      height: `${_size.h}px`,
    });
    const holder = this.found.querySelector(".svg-container");
    if (this.line.parentElement !== holder) holder.append(this.line);
  }

  remove() {
    if (this.waiting !== null) cancelAnimationFrame(this.waiting);
    this.waiting = null;
    this.line.remove();
  }
}
