// A map's positive evidence on a fixed grid over the whole photo, and how much of it lies in a box: the arithmetic of
// effviz/evaluate/heatmaps.py, which explains the reasons.

const SIDE = 96; // cells across and down
const FINER = 4; // samples per cell in each direction

/** @typedef {{values: Float64Array, total: number, peak: number[]}} Heat peak: x and y of the strongest place, px of the photo */

/** @type {WeakMap<Float32Array, Map<string, Heat>>} */
const heats = new WeakMap();

/** @param {Float32Array} map @param {Place} place @param {string} placement @returns {Heat} kept as long as the map */
function heatOf(map, place, placement) {
  const known = heats.get(map) ?? new Map();
  heats.set(map, known);
  const key = JSON.stringify([placement, place]);
  if (!known.has(key)) known.set(key, heat(map, place, placement));
  return known.get(key);
}

/** @param {Float32Array} map @param {Place} place @param {string} placement @returns {Heat} */
function heat(map, place, placement) {
  const [width, height] = place.size;
  const axes = axesOf(place, { left: 0, top: 0, width, height, fullWidth: width, fullHeight: height }, placement);
  const across = averaged(axes.x, width);
  const down = averaged(axes.y, height);
  const [x0, x1] = centresWithin(axes.x, width);
  const [y0, y1] = centresWithin(axes.y, height);
  const values = new Float64Array(SIDE * SIDE);
  for (let y = y0; y < y1; y++) {
    const line = lineOf(map, down[y], place.columns);
    for (let x = x0; x < x1; x++) values[y * SIDE + x] = line.reduce((sum, value, i) => sum + value * across[x][i], 0);
  }
  const total = values.reduce((sum, value) => sum + value, 0);
  return { values, total, peak: strongest(map, axes, place.columns) };
}

/** The map's rows, weighted and without negative values. @param {Float32Array} map @param {Float64Array} weights of the rows @param {number} columns */
function lineOf(map, weights, columns) {
  const line = new Float64Array(columns);
  map.forEach((value, i) => (line[i % columns] += Math.max(0, value) * weights[Math.floor(i / columns)]));
  return line;
}

/** The weights of an axis's cells in each part of the photo's length. @param {Axis} axis @param {number} length @returns {Float64Array[]} SIDE arrays of n */
function averaged(axis, length) {
  return Array.from({ length: SIDE }, (_, part) => {
    const weights = new Float64Array(axis.n);
    for (let i = 0; i < FINER; i++) {
      const pixel = ((part * FINER + i + 0.5) / (SIDE * FINER)) * length - 0.5; // placeOf adds half a pixel
      const place = clip(placeOf(axis, pixel) - 0.5, 0, axis.n - 1);
      const low = Math.floor(place);
      weights[low] += (1 - (place - low)) / FINER;
      weights[Math.min(low + 1, axis.n - 1)] += (place - low) / FINER;
    }
    return weights;
  });
}

/** The parts of the photo's length whose centre the model saw. @param {Axis} axis @param {number} length @returns {number[]} from, to */
function centresWithin({ start, end }, length) {
  const first = (/** @type {number} */ edge) => clip(Math.ceil((edge / length) * SIDE - 0.5), 0, SIDE);
  return [first(start), first(end)];
}

/** The centre of the strongest cell; among equal ones, the nearest to their mean. @param {Float32Array} map @param {{x: Axis, y: Axis}} axes @param {number} columns */
function strongest(map, axes, columns) {
  const least = map.reduce((most, value) => Math.max(most, value), 0) * (1 - 1e-5);
  /** @type {number[][]} */
  const tied = [];
  map.forEach((value, i) => Math.max(0, value) >= least && tied.push([Math.floor(i / columns), i % columns]));
  const mean = [0, 1].map((i) => tied.reduce((sum, cell) => sum + cell[i], 0) / tied.length);
  const far = (/** @type {number[]} */ [y, x]) => (y - mean[0]) ** 2 + (x - mean[1]) ** 2;
  const [row, column] = tied.reduce((best, cell) => (far(cell) < far(best) ? cell : best));
  return [centreOf(axes.x, column), centreOf(axes.y, row)];
}

/** A cell's centre, clipped to what the model saw. @param {Axis} axis @param {number} cell @returns {number} */
function centreOf(axis, cell) {
  const edges = edgesOf(axis);
  return clip((edges[cell] + edges[cell + 1]) / 2, axis.start, axis.end);
}

/** How much of each part of the photo's length lies between two of its pixels. @param {number} from @param {number} to @param {number} length @returns {Float64Array} */
function covered(from, to, length) {
  const [start, end] = [(from / length) * SIDE, (to / length) * SIDE];
  return Float64Array.from({ length: SIDE }, (_, i) => Math.max(0, Math.min(end, i + 1) - Math.max(start, i)));
}

/** The share of the evidence in a box, 0 to 1; 0 if there is no evidence. @param {Heat} heat @param {number[]} box @param {number[]} size of the photo */
function energyIn({ values, total }, [x0, y0, x1, y1], [width, height]) {
  const across = covered(x0, x1, width);
  const down = covered(y0, y1, height);
  let inside = 0;
  for (let y = 0; y < SIDE; y++) {
    if (down[y] > 0) for (let x = 0; x < SIDE; x++) inside += values[y * SIDE + x] * across[x] * down[y];
  }
  return total > 0 ? Math.min(1, inside / total) : 0;
}

/** @param {number[]} box */
const areaOf = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);

/**
 * The part of what a model saw that a box covers, which is a uniform map's share; and the part of the box that is outside.
 *
 * @param {number[]} box @param {number[]} seen x0, y0, x1, y1 in pixels of the photo @param {number[]} size of the photo
 */
function seenIn(box, seen, [width, height]) {
  const common = (/** @type {number[]} */ [a0, b0, a1, b1], /** @type {number[]} */ [c0, d0, c1, d1]) =>
    Math.max(0, Math.min(a1, c1) - Math.max(a0, c0)) * Math.max(0, Math.min(b1, d1) - Math.max(b0, d0));
  const photo = [0, 0, width, height];
  const shown = [Math.max(0, seen[0]), Math.max(0, seen[1]), Math.min(width, seen[2]), Math.min(height, seen[3])];
  return { part: common(box, shown) / common(seen, photo), outside: 1 - common(box, shown) / areaOf(box) };
}

/** Whether the peak is in a box: a peak beyond the photo's far edge counts as in its last pixel. @param {Heat} heat @param {number[]} box @param {number[]} size of the photo */
function pointsInto({ peak: [x, y], total }, [x0, y0, x1, y1], [width, height]) {
  const within = (/** @type {number} */ at, /** @type {number} */ start, /** @type {number} */ end, /** @type {number} */ length) =>
    at >= start && start < end && (at < end || end >= length);
  return total > 0 && within(x, x0, x1, width) && within(y, y0, y1, height);
}
