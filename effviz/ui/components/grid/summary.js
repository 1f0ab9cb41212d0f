// Describes a map in one sentence, like effviz/explain/overlay.py. All texts come from Python.

const TOP_AREA = 0.2;

/** @typedef {{none: string, strongest: string, regions: string[]}} SummaryWords regions: three rows of three, from the upper left */

/** The share of the positive evidence in the strongest part of the area; a cell may count in part. @param {Float32Array} map @param {number} area */
function topShare(map, area = TOP_AREA) {
  const evidence = map.map((value) => Math.max(value, 0)).sort().reverse();
  const total = evidence.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const cells = area * evidence.length;
  const whole = Math.floor(cells);
  const inside = evidence.slice(0, whole).reduce((sum, value) => sum + value, 0);
  return (inside + (cells - whole) * (evidence[whole] ?? 0)) / total;
}

/** The strongest cell, the first among equals. @param {Float32Array} map */
function peakOf(map) {
  let peak = 0;
  for (let i = 1; i < map.length; i++) if (map[i] > map[peak]) peak = i;
  return peak;
}

/** Which ninth of the photo a cell's centre lies in, 0 to 8. @param {number} cell @param {{rows: number, columns: number}} shape @param {number[]} seen x0, y0, x1, y1 @param {number[]} size of the photo */
function ninth(cell, { rows, columns }, seen, size) {
  const third = (/** @type {number} */ part) => clip(Math.trunc(3 * part), 0, 2);
  const x = seen[0] + (((cell % columns) + 0.5) / columns) * (seen[2] - seen[0]);
  const y = seen[1] + ((Math.floor(cell / columns) + 0.5) / rows) * (seen[3] - seen[1]);
  return 3 * third(y / size[1]) + third(x / size[0]);
}

/**
 * @param {Float32Array} map @param {{rows: number, columns: number, seen: number[], size: number[], name: string}} of
 * @param {SummaryWords} words @returns {string}
 */
function summary(map, of, words) {
  const strongest = map[peakOf(map)];
  if (strongest <= 0) return fill(words.none, { name: of.name, value: typeset(general(strongest, 2)) });
  return fill(words.strongest, {
    name: of.name,
    region: words.regions[ninth(peakOf(map), of, of.seen, of.size)],
    area: fixed(100 * TOP_AREA, 0),
    share: fixed(100 * topShare(map), 0),
  });
}
