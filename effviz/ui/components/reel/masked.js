// What a model sees while its input is deleted or inserted step by step.

/**
 * @typedef {{size: number, photo: string, rest: string, order: {values: string, lengths: string}}} MaskedData
 *   order: the frame at which each pixel changes; rest: the baseline that replaces deleted pixels
 */

class Masked {
  /** @param {HTMLCanvasElement} canvas @param {MaskedData} data @param {ReelData} reel @param {() => void} ready */
  constructor(canvas, data, reel, ready) {
    Object.assign(canvas, { width: data.size, height: data.size });
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.photo = pictureOf(data.photo, ready);
    this.rest = pictureOf(data.rest, ready);
    this.order = unrolled(data.order, data.size * data.size);
    this.mask = new Layer();
    this.size = data.size;
  }

  /** @param {number} at @param {string} way "insertion"; otherwise deletion @returns {boolean} whether the pictures were loaded */
  draw(at, way) {
    if (!this.photo.complete || !this.rest.complete) return false;
    const pixels = this.mask.resize(this.size, this.size);
    const inserted = way === "insertion";
    for (let i = 0; i < pixels.length; i++) pixels[i] = this.order[i] <= at === inserted ? HIDDEN : BLACK;
    this.mask.put();
    // Drawn through the mask, so that no pixels are read back.
    this.over("copy", this.mask.canvas);
    this.over("source-in", this.rest);
    this.over("destination-over", this.photo);
    return true;
  }

  /** @param {GlobalCompositeOperation} how @param {CanvasImageSource} what */
  over(how, what) {
    this.context.globalCompositeOperation = how;
    this.context.drawImage(what, 0, 0, this.size, this.size);
  }
}

/** @param {string} src @param {() => void} ready */
function pictureOf(src, ready) {
  const image = new Image();
  image.onload = ready;
  image.src = src;
  return image;
}

/** @param {{values: string, lengths: string}} packed @param {number} size @returns {Uint8Array} */
function unrolled({ values, lengths }, size) {
  const found = new Uint8Array(size);
  const steps = bytesOf(values);
  const counts = new DataView(bytesOf(lengths).buffer);
  for (let i = 0, from = 0; i < steps.length; i++) {
    const to = from + counts.getUint32(4 * i, true);
    found.fill(steps[i], from, to);
    from = to;
  }
  return found;
}
