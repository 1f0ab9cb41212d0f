// Where two maps of one photo differ: their shares of positive evidence, in the part of the photo that both models saw.
// Both are resampled to the coarser of the two grids, so that a finer grid alone makes no difference.

/**
 * @typedef {{map: Float32Array, place: Place}} Placed
 * @typedef {{x: number[], y: number[]}} Borders of columns and rows, in pixels of the photo
 * @typedef {{place: Place, borders: Borders, first: Float64Array, second: Float64Array, values: Float32Array, peak: number,
 *   elsewhere: number}} Difference first and second: the share in each cell; values: how much more the second has, as if each
 *   cell were seen whole; peak: the cell that differs most; elsewhere: the share that would have to move, 0 to 1
 */

/** @param {Placed} first @param {Placed} second @param {string} placement @returns {Difference | null} null where there is nothing to compare */
function differenceOf(first, second, placement) {
  const seen = seenByBoth(first.place, second.place);
  const [one, other] = [first, second].map(({ place }) => bordersOf(place, placement));
  const [place, borders] = cellArea(one) >= cellArea(other) ? [first.place, one] : [second.place, other];
  const a = sharesOn(first.map, one, borders, seen);
  const b = sharesOn(second.map, other, borders, seen);
  if (!a || !b) return null;
  const across = partsWithin(borders.x, seen[0], seen[2]);
  const parts = partsWithin(borders.y, seen[1], seen[3]).flatMap((down) => across.map((part) => part * down));
  const apart = a.map((share, i) => Math.abs(b[i] - share));
  return {
    place: { ...place, common: seen },
    borders,
    first: a,
    second: b,
    values: Float32Array.from(a, (share, i) => (parts[i] > 0 ? (b[i] - share) / parts[i] : 0)),
    peak: apart.indexOf(Math.max(...apart)),
    elsewhere: apart.reduce((sum, value) => sum + value, 0) / 2,
  };
}

/** The part of the photo that both models saw; empty if its end is before its start. @param {Place} one @param {Place} other */
function seenByBoth({ seen, size }, other) {
  const latest = (/** @type {number} */ i) => Math.max(0, seen[i], other.seen[i]);
  const first = (/** @type {number} */ i) => Math.min(size[i - 2], seen[i], other.seen[i]);
  return [latest(0), latest(1), first(2), first(3)];
}

/** Extend the cells at the edge to the limits of what the model saw, as they are drawn. @param {Place} place @param {string} placement @returns {Borders} */
function bordersOf(place, placement) {
  const [width, height] = place.size;
  const { x, y } = axesOf(place, { left: 0, top: 0, width, height, fullWidth: width, fullHeight: height }, placement);
  const stretched = (/** @type {Axis} */ axis) => {
    const edges = edgesOf(axis);
    return [Math.min(edges[0], axis.start), ...edges.slice(1, -1), Math.max(edges[axis.n], axis.end)];
  };
  return { x: stretched(x), y: stretched(y) };
}

/** @param {Borders} borders */
const cellArea = ({ x, y }) => ((x[x.length - 1] - x[0]) * (y[y.length - 1] - y[0])) / ((x.length - 1) * (y.length - 1));

/** Resample a map's positive evidence to another grid; null if there is none. @param {Float32Array} map @param {Borders} own @param {Borders} grid @param {number[]} seen @returns {Float64Array | null} */
function sharesOn(map, own, grid, seen) {
  const across = overlaps(own.x, grid.x, seen[0], seen[2]);
  const down = overlaps(own.y, grid.y, seen[1], seen[3]);
  const columns = own.x.length - 1;
  const found = down.flatMap((rows) =>
    across.map((parts) => rows.reduce((sum, height, j) => sum + (height > 0 ? height * rowSum(map, j * columns, parts) : 0), 0)),
  );
  const total = found.reduce((sum, value) => sum + value, 0);
  return total > 0 ? Float64Array.from(found, (value) => value / total) : null;
}

/** @param {Float32Array} map @param {number} start of the row @param {number[]} parts */
const rowSum = (map, start, parts) => parts.reduce((sum, part, i) => sum + part * Math.max(map[start + i], 0), 0);

/** For each segment of one division of a line, the length of each segment of another inside it, between two ends. @param {number[]} own @param {number[]} grid @param {number} start @param {number} end */
function overlaps(own, grid, start, end) {
  return grid.slice(1).map((after, j) => {
    const [from, to] = [Math.max(grid[j], start), Math.min(after, end)];
    return own.slice(1).map((edge, i) => Math.max(0, Math.min(edge, to) - Math.max(own[i], from)));
  });
}

/** The share of each segment of a line between two ends, 0 to 1. @param {number[]} borders @param {number} start @param {number} end */
function partsWithin(borders, start, end) {
  return borders.slice(1).map((after, i) => Math.max(0, Math.min(after, end) - Math.max(borders[i], start)) / (after - borders[i]));
}
