// One photo under a sequence of maps, with gradual colour changes between them.

const PAINTED_PX = 448; // side of the drawing; the page scales it

/** @typedef {{photo: string, place: Place, maps: Packed}} MeltingData one map for each frame */

class Melting {
  /** @param {HTMLCanvasElement} canvas @param {MeltingData} data @param {ReelData} reel @param {() => void} ready */
  constructor(canvas, data, reel, ready) {
    const [width, height] = data.place.size;
    const size = { width: PAINTED_PX, height: Math.round((PAINTED_PX * height) / width) };
    Object.assign(canvas, size);
    this.window = { left: 0, top: 0, fullWidth: size.width, fullHeight: size.height, ...size };
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.photo = new PhotoSizes(data.photo, ready);
    this.painter = new Painter();
    this.place = data.place;
    this.look = reel.look;
    this.palette = pixelsOf(bytesOf(reel.palette ?? ""));
    this.maps = rescale(unpack(data.maps), "own").map(partsOf);
  }

  /** @param {number} at a frame, or a place between two @returns {boolean} whether the photo was loaded */
  draw(at) {
    if (!this.photo.loaded) return false;
    const scaled = { values: this.mixed(at), low: 0, high: 1, signed: false };
    this.painter.update(scaled, this.place, this.look, this.window, this.palette, String(at));
    this.painter.compose(this.context, this.photo.at(this.window), this.look.opacity / 100);
    return true;
  }

  /** @param {number} at @returns {Float32Array} */
  mixed(at) {
    const before = this.maps[Math.floor(at)];
    const after = this.maps[Math.ceil(at)];
    return before.map((value, i) => value + (after[i] - value) * (at % 1));
  }
}

/** A map from 0 to 1; a constant map is 0. @param {Scaled} scaled @returns {Float32Array} */
function partsOf({ values, low, high }) {
  return values.map((value) => (high > low ? (value - low) / (high - low) : 0));
}
