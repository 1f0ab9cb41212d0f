// Where a map lies on its photo, as effviz/explain/placement.py does it, in a window that may be zoomed.

/**
 * @typedef {{start: number, end: number, n: number, slope: number, offset: number}} Axis one direction: n cells across what the model saw, from pixel `start` to `end`
 * @typedef {{low: Uint16Array, high: Uint16Array, part: Float32Array, from: number, to: number}} Weights
 *   for each pixel, the two cells around it and its relative distance from the first; the model saw the pixels from `from` up to `to`
 * @typedef {{zoom: number, x: number, y: number}} View the visible part of the photo begins at x, y (0 to 1) and spans 1 / zoom of it
 * @typedef {{left: number, top: number, width: number, height: number, fullWidth: number, fullHeight: number}} Pane
 *   the visible pixels of the photo drawn at full size
 */

/** @param {Axis} axis @param {number} pixel @returns {number} the place of a pixel's centre in the map: cell i reaches from i to i + 1 */
function placeOf({ start, end, n, slope, offset }, pixel) {
  const t = (pixel + 0.5 - start) / (end - start);
  return (0.5 + slope * (t - 0.5) + offset) * n;
}

/** @param {Axis} axis @returns {number[]} the cells' borders in pixels */
function edgesOf({ start, end, n, slope, offset }) {
  return Array.from({ length: n + 1 }, (_, i) => start + (0.5 + (i / n - 0.5 - offset) / slope) * (end - start));
}

/** The same cells, limited to a part of the line. @param {Axis} axis @param {number} start @param {number} end @returns {Axis} */
function cutTo(axis, start, end) {
  const length = axis.end - axis.start;
  const part = (end - start) / length;
  const middle = (start - axis.start) / length + part / 2;
  return { start, end, n: axis.n, slope: axis.slope * part, offset: axis.slope * (middle - 0.5) + axis.offset };
}

/** @param {number} value @param {number} low @param {number} high */
const clip = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Axis} axis @param {number} first pixel of the window @param {number} length @param {boolean} cells each pixel has its cell's value @returns {Weights} */
function weightsOf(axis, first, length, cells) {
  const low = new Uint16Array(length);
  const high = new Uint16Array(length);
  const part = new Float32Array(length);
  let from = length;
  let to = 0;
  for (let i = 0; i < length; i++) {
    const centre = first + i + 0.5;
    if (centre >= axis.start && centre < axis.end) {
      from = Math.min(from, i);
      to = i + 1;
    }
    const place = placeOf(axis, first + i);
    const centred = clip(place - 0.5, 0, axis.n - 1);
    low[i] = cells ? clip(Math.floor(place), 0, axis.n - 1) : Math.floor(centred);
    high[i] = cells ? low[i] : Math.min(low[i] + 1, axis.n - 1);
    part[i] = cells ? 0 : centred - low[i];
  }
  return { low, high, part, from: Math.min(from, to), to };
}

/** @param {View} view @param {number} width of the canvas, px @param {number} height @returns {Pane} */
function windowOf(view, width, height) {
  const fullWidth = Math.round(width * view.zoom);
  const fullHeight = Math.round(height * view.zoom);
  const left = clip(Math.round(view.x * fullWidth), 0, fullWidth - width);
  const top = clip(Math.round(view.y * fullHeight), 0, fullHeight - height);
  return { left, top, width, height, fullWidth, fullHeight };
}

/** Zoom so that the place under the pointer stays. @param {View} view @param {number} factor @param {number} x of the canvas, 0 to 1 @param {number} y @param {number} most @returns {View} */
function zoomed(view, factor, x, y, most) {
  const zoom = clip(view.zoom * factor, 1, most);
  return within({ zoom, x: view.x + x / view.zoom - x / zoom, y: view.y + y / view.zoom - y / zoom });
}

/** @param {View} view @param {number} dx part of the canvas @param {number} dy @returns {View} */
function panned(view, dx, dy) {
  return within({ zoom: view.zoom, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom });
}

/** @param {View} view @returns {View} */
function within({ zoom, x, y }) {
  return { zoom, x: clip(x, 0, 1 - 1 / zoom), y: clip(y, 0, 1 - 1 / zoom) };
}
