// Scales maps for colouring, like effviz/explain/overlay.py, which explains the reasons.

/**
 * @typedef {"own" | "shared" | "density" | "share" | "rank"} Scale
 * @typedef {{values: Float32Array, low: number, high: number, signed: boolean}} Scaled low and high: what the palette's ends stand for
 */

/** Scale all maps in view together; the order is kept. @param {Float32Array[]} maps @param {Scale} scale @returns {Scaled[]} */
function rescale(maps, scale) {
  const change = scale === "share" ? shares : scale === "rank" ? ranks : null;
  const values = change ? maps.map(change) : maps;
  const ranges = rangesOf(values, scale);
  return values.map((array, i) => ({ values: array, low: ranges[i][0], high: ranges[i][1], signed: scale === "density" }));
}

/** @param {Float32Array[]} maps @param {Scale} scale @returns {number[][]} */
function rangesOf(maps, scale) {
  const own = maps.map((map) => [least(map), most(map)]);
  const lowest = Math.min(...own.map(([low]) => low));
  const highest = Math.max(...own.map(([, high]) => high));
  switch (scale) {
    case "shared":
      return own.map(() => [lowest, highest]);
    case "density": {
      const strongest = Math.max(-lowest, highest);
      return own.map(() => [-strongest, strongest]);
    }
    case "share": {
      // A cell of a fine grid holds less: equal colours must mean an equal share of an equal area.
      const densest = Math.max(...maps.map((map, i) => map.length * own[i][1]));
      return maps.map((map) => [0, densest / map.length]);
    }
    case "rank":
      return own.map(() => [0, 1]);
    default:
      return own;
  }
}

/** Each cell's share of the positive evidence; zeros if there is none. @param {Float32Array} map @returns {Float32Array} */
function shares(map) {
  const total = map.reduce((sum, value) => sum + Math.max(value, 0), 0);
  return map.map((value) => (total > 0 ? Math.max(value, 0) / total : 0));
}

/** Rank from 0 to 1, equal values sharing the mean of their ranks. @param {Float32Array} map @returns {Float32Array} */
function ranks(map) {
  const order = Array.from(map.keys()).sort((a, b) => map[a] - map[b]);
  const found = new Float32Array(map.length);
  for (let start = 0, end; start < order.length; start = end) {
    for (end = start + 1; end < order.length && map[order[end]] === map[order[start]]; ) end++;
    const mean = (start + end - 1) / 2;
    for (let i = start; i < end; i++) found[order[i]] = mean / Math.max(1, map.length - 1);
  }
  return found;
}

/** @param {Float32Array} map */
const least = (map) => map.reduce((low, value) => Math.min(low, value), Infinity);
/** @param {Float32Array} map */
const most = (map) => map.reduce((high, value) => Math.max(high, value), -Infinity);

/** The mapping of values to the palette, from 0 at its low end to 1 at its high end. @param {Scaled} scaled @returns {{gain: number, shift: number}} part = gain * value + shift */
function toParts({ low, high, signed }) {
  const span = high - low;
  if (span <= 0) return { gain: 0, shift: signed ? 0.5 : 0 }; // a constant map
  return { gain: 1 / span, shift: -low / span };
}
