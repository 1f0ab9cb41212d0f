// Draws a photo with its map on a canvas, in three layers; only changed layers are redrawn.

/**
 * @typedef {{opacity: number, contour: number, threshold: number, palette: string, scale: Scale, placement: string, cells: boolean, class?: string}} Look
 *   opacity, contour and threshold in percent; class: explained by all maps, otherwise each model's own first guess
 * @typedef {{slope: number, x: number, y: number}} Calibration x and y: the offsets, in parts of the input
 * @typedef {{rows: number, columns: number, seen: number[], size: number[], calibration: Calibration | null, common?: number[]}} Place where a map lies; size of the photo in pixels;
 *   common: the part of it that is considered
 */

/** @param {Place} place @param {Pane} window @param {string} placement @returns {{x: Axis, y: Axis}} */
function axesOf({ rows, columns, seen, size, calibration, common }, window, placement) {
  const { slope, x, y } = (placement === "calibrated" && calibration) || { slope: 1, x: 0, y: 0 };
  const across = window.fullWidth / size[0];
  const down = window.fullHeight / size[1];
  const axes = {
    x: { start: seen[0] * across, end: seen[2] * across, n: columns, slope, offset: x },
    y: { start: seen[1] * down, end: seen[3] * down, n: rows, slope, offset: y },
  };
  if (!common) return axes;
  return { x: cutTo(axes.x, common[0] * across, common[2] * across), y: cutTo(axes.y, common[1] * down, common[3] * down) };
}

/** @param {number} width @param {number} height */
function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return { canvas, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")) };
}

/** A canvas written pixel by pixel. */
class Layer {
  /** @type {ImageData} */ image;
  /** @type {Uint32Array} */ pixels;

  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.key = "";
  }

  /** @param {number} width @param {number} height @returns {Uint32Array} */
  resize(width, height) {
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    return this.pixels;
  }

  put() {
    this.context.putImageData(this.image, 0, 0);
  }
}

/** A map's colours and the lines on top. */
class Painter {
  /** @type {{x: Axis, y: Axis}} */ axes;
  /** @type {Weights} */ xs;
  /** @type {Weights} */ ys;
  /** @type {Float32Array} */ parts;
  where = "";
  spreadKey = "";

  constructor() {
    this.colours = new Layer();
    this.lines = new Layer();
  }

  /**
   * @param {Scaled} scaled @param {Place} place @param {Look} look @param {Pane} window @param {Uint32Array} palette
   * @param {string} mark identifies the map
   */
  update(scaled, place, look, window, palette, mark) {
    const where = `${Object.values(window)} ${look.placement} ${look.cells} ${JSON.stringify(place)}`;
    const spreadKey = `${mark} ${scaled.low} ${scaled.high} ${scaled.signed} ${where}`;
    if (where !== this.where) this.arrange(place, look, window, where);
    if (spreadKey !== this.spreadKey) {
      spread(scaled, this.xs, this.ys, place.columns, this.parts);
      this.spreadKey = spreadKey;
    }
    const colourKey = `${spreadKey} ${look.palette} ${look.threshold}`;
    if (colourKey !== this.colours.key) {
      const pixels = this.colours.resize(window.width, window.height);
      tint(this.parts, palette, look.threshold / 100, scaled.signed, pixels);
      this.colours.put();
      this.colours.key = colourKey;
    }
    const lineKey = look.contour > 0 ? `${spreadKey} ${look.contour}` : where;
    if (lineKey !== this.lines.key) {
      this.draw(scaled, look, window);
      this.lines.key = lineKey;
    }
  }

  /** @param {Place} place @param {Look} look @param {Pane} window @param {string} where */
  arrange(place, look, window, where) {
    this.axes = axesOf(place, window, look.placement);
    this.xs = weightsOf(this.axes.x, window.left, window.width, look.cells);
    this.ys = weightsOf(this.axes.y, window.top, window.height, look.cells);
    const size = window.width * window.height;
    if (!this.parts || this.parts.length !== size) this.parts = new Float32Array(size);
    this.where = where;
  }

  /** @param {Scaled} scaled @param {Look} look @param {Pane} window */
  draw(scaled, look, window) {
    const pixels = this.lines.resize(window.width, window.height);
    dim(this.xs, this.ys, pixels);
    if (look.cells) {
      const columns = edgesOf(this.axes.x).map((edge) => edge - window.left);
      const rows = edgesOf(this.axes.y).map((edge) => edge - window.top);
      cellLines(columns, rows, this.xs, this.ys, pixels);
    }
    if (look.contour > 0) {
      // Signed maps: a fraction of the way from none to the strongest evidence, because the middle of the range is none.
      const level = look.contour / 100;
      contour(this.parts, window.width, scaled.signed ? 0.5 + level / 2 : level, pixels);
    }
    const [x0, x1] = seenPixels(this.axes.x, window.fullWidth);
    const [y0, y1] = seenPixels(this.axes.y, window.fullHeight);
    frame(window, { x0, y0, x1, y1 }, pixels);
    this.lines.put();
  }

  /** @param {CanvasRenderingContext2D} context @param {CanvasImageSource} photo as large as the window @param {number} opacity 0 to 1 */
  compose(context, photo, opacity) {
    context.globalAlpha = 1;
    context.drawImage(photo, 0, 0);
    context.globalAlpha = opacity;
    context.drawImage(this.colours.canvas, 0, 0);
    context.globalAlpha = 1;
    context.drawImage(this.lines.canvas, 0, 0);
  }
}

const MOST_SIZES = 4; // sizes kept per photo

/** A photo in the sizes that are shown; the last few are cached. */
class PhotoSizes {
  /** @param {string} src @param {() => void} ready */
  constructor(src, ready) {
    this.src = src;
    this.image = new Image();
    this.image.onload = ready;
    this.image.src = src;
    /** @type {Map<string, CanvasRenderingContext2D>} the most recently used comes last */
    this.kept = new Map();
  }

  get loaded() {
    return this.image.complete && this.image.naturalWidth > 0;
  }

  /** Later calls with other windows reuse the canvas. @param {Pane} window @returns {HTMLCanvasElement} */
  at(window) {
    const key = String(Object.values(window));
    const found = this.kept.get(key) ?? this.drawn(window);
    this.kept.delete(key);
    this.kept.set(key, found);
    return found.canvas;
  }

  /** @param {Pane} window */
  drawn({ left, top, width, height, fullWidth, fullHeight }) {
    const context = this.spare(width, height);
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, width, height);
    context.drawImage(this.image, -left, -top, fullWidth, fullHeight);
    return context;
  }

  /** Reuse a canvas: while zooming, every frame differs, and a new canvas costs more than drawing on it. @param {number} width @param {number} height */
  spare(width, height) {
    if (this.kept.size < MOST_SIZES) return canvasOf(width, height).context;
    const [[oldest, context]] = this.kept;
    this.kept.delete(oldest);
    const { canvas } = context;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return context;
  }
}
