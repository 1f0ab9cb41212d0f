// The difference of two models' maps on the grey photo: blue where the left one has more, red where the right one has.

const EVEN = 0x80; // the grey for no difference
const MARK = "#ffffff";

class DifferenceView {
  /** @type {Difference | null} */ found = null;
  /** @type {Uint32Array | null} */ colours = null;

  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.pair = new Pair(row, () => row.grid.setPair(this.pair.chosen));
    this.stage = make("div", { class: "stage" }, [make("canvas", { role: "img" })]);
    this.legend = make("div", { class: "legend" }, [make("span"), make("i"), make("span")]);
    this.says = make("p", { "aria-live": "polite" });
    this.frame = make("div", { class: "frame" }, [this.stage]);
    this.bubble = new Bubble();
    this.element = make("div", { class: "view difference", hidden: "" }, [this.pair.element, this.frame, this.legend, this.says]);
    this.painter = new Painter();
    this.grey = canvasOf(1, 1);
    this.greyOf = ""; // the part of the photo it shows
    this.surface = new Surface(this.stage, row, { draw: () => this.draw() });
  }

  update() {
    const two = this.pair.update();
    this.element.hidden = !this.row.grid.differing || !two;
    this.measure();
  }

  /** Compare the maps that the two tiles show. */
  measure() {
    const { grid } = this.row;
    const { tiles } = this.pair;
    if (this.element.hidden || tiles.length < 2) return;
    const [first, second] = tiles.map((tile) => ({ map: tile.map(), place: tile.cell.place }));
    this.found = differenceOf(first, second, grid.look.placement);
    if (!this.found) this.bubble.hide();
    const sentence = this.sentence(tiles);
    write(this.says, sentence);
    this.surface.canvas.setAttribute("aria-label", sentence);
    this.drawLegend(tiles);
  }

  /** @param {Tile[]} tiles @returns {string} */
  sentence(tiles) {
    const { words } = this.row.grid.data;
    const { found } = this;
    if (!found) return words.noDifference;
    const [left, right] = this.named(tiles);
    const part = (/** @type {Float64Array} */ shares) => percent(shares[found.peak], 1);
    return fill(words.mostDifferent, {
      ...{ left, right, first: part(found.first), second: part(found.second) },
      elsewhere: percent(found.elsewhere, 0),
    });
  }

  /** Name the classes if the two maps explain different ones. @param {Tile[]} tiles */
  named(tiles) {
    const classes = tiles.map((tile) => this.row.photo.classes[tile.shown()]);
    return tiles.map((tile, i) => (classes[0] === classes[1] ? tile.cell.label : `${tile.cell.label} (${classes[i]})`));
  }

  /** The largest difference in a cell. */
  get most() {
    return this.found ? this.found.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) : 0;
  }

  /** @param {Tile[]} tiles */
  drawLegend(tiles) {
    const { words } = this.row.grid.data;
    const [left, bar, right] = childrenOf(this.legend);
    this.legend.hidden = !this.found;
    write(left, fill(words.moreLeft, { model: tiles[0].cell.label }));
    write(right, fill(words.moreRight, { model: tiles[1].cell.label, most: percent(this.most, 1) }));
    bar.style.background = gradientOf(this.palette());
  }

  /** The diverging palette with grey for none. */
  palette() {
    this.colours ??= this.row.grid.palette(true).map((pixel, i) => towardsGrey(pixel, Math.min(1, Math.abs(i - 127.5) / 40)));
    return this.colours;
  }

  draw() {
    const window = this.surface.window();
    const { grid, sizes } = this.row;
    if (!window || !sizes.loaded) return;
    const { context } = this.surface;
    if (!this.found) context.drawImage(sizes.at(window), 0, 0);
    else {
      const { place, values } = this.found;
      const look = { ...grid.look, threshold: 0, contour: 0, palette: "difference" };
      const scaled = { values, low: -this.most, high: this.most, signed: true };
      this.painter.update(scaled, place, look, window, this.palette(), `difference ${markOf(values)}`);
      this.painter.compose(context, this.withoutColour(window), grid.look.opacity / 100);
      const square = this.square(this.found);
      outline(context, square, this.row.size, window, { colour: MARK });
      this.bubble.show(this, grid.data.words.mostDifferentHere);
      this.bubble.place(this, square, window);
    }
    this.surface.drawn();
  }

  /** The photo in grey. @param {Pane} window @returns {HTMLCanvasElement} */
  withoutColour(window) {
    const { canvas, context } = this.grey;
    const of = `${this.row.sizes.src.length} ${Object.values(window)}`;
    if (of !== this.greyOf) {
      Object.assign(canvas, { width: window.width, height: window.height });
      context.drawImage(this.row.sizes.at(window), 0, 0);
      context.globalCompositeOperation = "saturation";
      context.fillStyle = "hsl(0 0% 50%)";
      context.fillRect(0, 0, canvas.width, canvas.height);
      this.greyOf = of;
    }
    return canvas;
  }

  /** The cell that differs most. @param {Difference} found @returns {number[]} x0, y0, x1, y1 */
  square({ borders, peak, place }) {
    const { x, y } = borders;
    const [column, row] = [peak % (x.length - 1), Math.floor(peak / (x.length - 1))];
    const [x0, y0, x1, y1] = place.common ?? place.seen;
    return [Math.max(x[column], x0), Math.max(y[row], y0), Math.min(x[column + 1], x1), Math.min(y[row + 1], y1)];
  }
}

/** @param {number} pixel @param {number} part how much of its colour is left */
function towardsGrey(pixel, part) {
  const mixed = (/** @type {number} */ shift) => Math.round(EVEN + ((pixel >>> shift) & 255) * part - EVEN * part) << shift;
  return (BLACK | mixed(0) | mixed(8) | mixed(16)) >>> 0;
}
