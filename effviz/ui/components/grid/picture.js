// A map as pixels, as effviz/explain/overlay.py draws it. A pixel is one number: alpha, blue, green, red, from high to low byte.

const HIDDEN = 0;
const WHITE = 0xffffffff;
const BLACK = 0xff000000;
const UNSEEN = 0xa6000000; // black that leaves 35 % of the photo
const CELL_LINE = 0x80808080; // half photo, half mid-grey

/** @param {Uint8Array} table 256 x 3 @returns {Uint32Array} */
function pixelsOf(table) {
  const colours = new Uint32Array(256);
  for (let i = 0; i < 256; i++) colours[i] = BLACK | (table[3 * i + 2] << 16) | (table[3 * i + 1] << 8) | table[3 * i];
  return colours;
}

/** The index of a part's colour, of 256. @param {number} part */
const step = (part) => (part >= 1 ? 255 : part > 0 ? (part * 256) | 0 : 0);

/**
 * Resample a map to pixels: parts of its range, NaN where the model saw nothing.
 *
 * @param {Scaled} scaled @param {Weights} xs @param {Weights} ys @param {number} columns of the map @param {Float32Array} parts is written
 */
function spread(scaled, xs, ys, columns, parts) {
  const { gain, shift } = toParts(scaled);
  const { values } = scaled;
  const width = xs.part.length;
  const line = new Float32Array(columns);
  parts.fill(NaN);
  for (let y = ys.from; y < ys.to; y++) {
    const above = ys.low[y] * columns;
    const below = ys.high[y] * columns;
    for (let c = 0; c < columns; c++) {
      const value = values[above + c] * (1 - ys.part[y]) + values[below + c] * ys.part[y];
      line[c] = gain * value + shift;
    }
    for (let x = xs.from, i = y * width + xs.from; x < xs.to; x++, i++) {
      const left = line[xs.low[x]];
      parts[i] = left + (line[xs.high[x]] - left) * xs.part[x];
    }
  }
}

/**
 * Colour the parts that reach the threshold; for a signed map, the distance from none counts.
 *
 * @param {Float32Array} parts @param {Uint32Array} colours @param {number} threshold 0 hides nothing @param {boolean} signed @param {Uint32Array} pixels is written
 */
function tint(parts, colours, threshold, signed, pixels) {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const strength = signed ? Math.abs(2 * part - 1) : part;
    // `part === part` is false for NaN, where the model saw nothing.
    pixels[i] = part === part && (threshold <= 0 || strength >= threshold) ? colours[step(part)] : HIDDEN;
  }
}

/** Darken what the model did not see. @param {Weights} xs @param {Weights} ys @param {Uint32Array} pixels is written */
function dim(xs, ys, pixels) {
  const width = xs.part.length;
  pixels.fill(UNSEEN);
  for (let y = ys.from; y < ys.to; y++) pixels.fill(HIDDEN, y * width + xs.from, y * width + xs.to);
}

/** Thin lines between the cells, inside what the model saw. @param {number[]} columns edges @param {number[]} rows edges @param {Weights} xs @param {Weights} ys @param {Uint32Array} pixels is written */
function cellLines(columns, rows, xs, ys, pixels) {
  const width = xs.part.length;
  for (const x of columns.map(even)) {
    if (x >= xs.from && x < xs.to) for (let y = ys.from; y < ys.to; y++) pixels[y * width + x] = CELL_LINE;
  }
  for (const y of rows.map(even)) {
    if (y >= ys.from && y < ys.to) pixels.fill(CELL_LINE, y * width + xs.from, y * width + xs.to);
  }
}

/** The nearest whole number, halves to the even one. @param {number} value */
function even(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** A white line just inside where the map reaches the level, a black one just outside. @param {Float32Array} parts @param {number} width @param {number} level @param {Uint32Array} pixels is written */
function contour(parts, width, level, pixels) {
  // 1: the map reaches the level; 0: it does not; 2: the model saw nothing.
  const sides = new Uint8Array(parts.length);
  for (let i = 0; i < parts.length; i++) sides[i] = parts[i] >= level ? 1 : parts[i] < level ? 0 : 2;
  const draw = (/** @type {number} */ one, /** @type {number} */ other) => {
    if (sides[one] + sides[other] !== 1) return; // not across the line
    pixels[one] = sides[one] ? WHITE : BLACK;
    pixels[other] = sides[other] ? WHITE : BLACK;
  };
  for (let i = 0; i < parts.length; i++) {
    if ((i + 1) % width !== 0) draw(i, i + 1);
    if (i + width < parts.length) draw(i, i + width);
  }
}

/**
 * A white line with a black one inside it around what the model saw; where a zoomed window cuts it off there is no line.
 *
 * @param {Pane} window @param {{x0: number, y0: number, x1: number, y1: number}} seen first and last pixel of the full photo that was seen @param {Uint32Array} pixels is written
 */
function frame(window, seen, pixels) {
  const { left, top, width, height } = window;
  for (const [inset, colour] of [[1, BLACK], [0, WHITE]]) {
    const x0 = seen.x0 + inset - left;
    const x1 = seen.x1 - inset - left;
    const y0 = seen.y0 + inset - top;
    const y1 = seen.y1 - inset - top;
    if (x1 < x0 || y1 < y0) continue;
    for (let x = Math.max(0, x0); x <= Math.min(width - 1, x1); x++) {
      if (y0 >= 0 && y0 < height) pixels[y0 * width + x] = colour;
      if (y1 >= 0 && y1 < height) pixels[y1 * width + x] = colour;
    }
    for (let y = Math.max(0, y0); y <= Math.min(height - 1, y1); y++) {
      if (x0 >= 0 && x0 < width) pixels[y * width + x0] = colour;
      if (x1 >= 0 && x1 < width) pixels[y * width + x1] = colour;
    }
  }
}

/** @param {Axis} axis @param {number} length of the full photo @returns {number[]} the first and the last pixel whose centre was seen */
function seenPixels({ start, end }, length) {
  return [Math.max(0, Math.ceil(start - 0.5)), Math.min(length, Math.ceil(end - 0.5)) - 1];
}
