// One photo: the photo itself, its classes, and a tile for every model.

/** @typedef {{id: string, name: string, caption: string, alt: string, size: number[], src: string, classes: string[], cells: Cell[]}} PhotoData */

const LEAST_TILE = 236; // px; on a phone two maps stand side by side, since one alone cannot be compared
const LEAST_TILE_NARROW = 150;
const GAP = 16;

class Row {
  asked = ""; // the classes that Python was asked for
  /** @type {PhotoSizes} */ sizes;

  /** @param {Grid} grid @param {PhotoData} photo */
  constructor(grid, photo) {
    this.grid = grid;
    this.photo = photo;
    this.view = { zoom: 1, x: 0, y: 0 };
    this.size = photo.size;
    this.stage = make("div", { class: "stage" }, [make("canvas", { role: "img" })]);
    this.heading = make("b");
    this.note = make("span", { class: "note" });
    this.list = new ClassList(this);
    this.tilesBox = make("div", { class: "tiles" });
    this.cursor = /** @type {Cursor | null} */ (null);
    this.aside = make("div", { class: "aside" }, [
      make("div", { class: "photo" }, [this.stage, make("div", { class: "name" }, [this.heading, " ", this.note])]),
      this.list.element,
      this.list.live,
    ]);
    this.swipe = new Swipe(this);
    this.inspector = new Inspector(this);
    this.boxing = new Boxing(this);
    const parts = [this.boxing, this.swipe].map(({ element }) => element);
    this.main = make("div", { class: "main" }, [...parts, this.tilesBox, this.inspector.element]);
    this.element = make("section", { class: "row" }, [this.aside, this.main]);
    this.surface = new Surface(this.stage, this, {
      draw: () => this.draw(),
      box: (from, to, done) => this.boxing.drag(from, to, done),
    });
    /** @type {Tile[]} */
    this.tiles = [];
    this.pick = /** @type {number | null} */ (null);
    this.hovered = /** @type {number | null} */ (null);
    this.update(photo);
  }

  /** @param {PhotoData} photo */
  update(photo) {
    const asked = photo.cells.map((cell) => photo.classes[cell.target]).join("\n");
    if (asked !== this.asked || photo.classes.join("\n") !== this.photo.classes.join("\n")) this.pick = null;
    this.asked = asked;
    this.photo = photo;
    if (this.sizes?.src !== photo.src) this.sizes = new PhotoSizes(photo.src, () => this.grid.repaint());
    write(this.heading, photo.name);
    write(this.note, photo.caption);
    this.surface.canvas.setAttribute("aria-label", photo.alt);
    this.updateTiles();
    this.list.update();
    this.swipe.update();
    this.boxing.update();
    this.inspector.element.hidden = this.inspectable.length === 0;
    this.inspector.update();
  }

  updateTiles() {
    const { cells } = this.photo;
    const same = this.tiles.length === cells.length && this.tiles.every((tile, i) => tile.cell.label === cells[i].label);
    if (same) {
      this.tiles.forEach((tile, i) => tile.update(cells[i]));
      return;
    }
    this.cursor = null;
    this.tiles = cells.map((cell) => new Tile(this, cell));
    this.rove(this.drawable[0]);
    this.tilesBox.replaceChildren(...this.tiles.map((tile) => tile.element));
  }

  /** @returns {Tile[]} those with a map */
  get drawable() {
    return this.tiles.filter((tile) => tile.cell.gap === "");
  }

  /** @returns {Askable[]} those whose cells can be asked */
  get inspectable() {
    return this.drawable.filter(askable);
  }

  /** @returns {Surface[]} */
  get surfaces() {
    return [this, ...this.tiles, this.swipe].map(({ surface }) => surface);
  }

  /** The class that is pointed at, else the picked one, else null: what Python was asked for. */
  picked() {
    return this.hovered ?? this.pick;
  }

  /** @param {View} view */
  setView(view) {
    this.view = view;
    this.element.classList.toggle("zoomed", view.zoom > 1);
    this.grid.repaint();
  }

  repaint() {
    this.grid.repaint();
  }

  layout() {
    const width = this.tilesBox.clientWidth;
    const least = width < 2 * LEAST_TILE + GAP ? LEAST_TILE_NARROW : LEAST_TILE;
    const fit = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const rows = Math.ceil(this.tiles.length / fit);
    this.tilesBox.style.setProperty("--columns", String(Math.ceil(this.tiles.length / Math.max(1, rows))));
  }

  /** Only one map of a photo is reached by Tab, the others by arrows. @param {Tile | undefined} tile */
  rove(tile) {
    for (const other of this.tiles) other.stage.tabIndex = other === tile ? 0 : -1;
  }

  /** @param {Tile} tile @param {number} down @param {number} right */
  neighbour(tile, down, right) {
    const tiles = this.drawable;
    const columns = Number(this.tilesBox.style.getPropertyValue("--columns"));
    tiles[tiles.indexOf(tile) + down * columns + right]?.stage.focus();
  }

  /** @param {Tile} tile @param {number} x of the photo, 0 to 1 @param {number} y @param {boolean} click */
  pointAt(tile, x, y, click) {
    const held = this.cursor?.held;
    if (!askable(tile) || (held && !click)) return;
    const place = tile.cells.at(x * this.size[0], y * this.size[1], this.grid.look.placement);
    const { tile: last, row, column } = this.cursor ?? {};
    const same = last === tile && row === place?.row && column === place?.column;
    if (same && held === click && !click) return;
    this.point(!place || (same && held) ? null : { tile, ...place, held: click }, click);
  }

  /** @param {Cursor | null} cursor @param {boolean} aloud */
  point(cursor, aloud = false) {
    this.cursor = cursor;
    this.inspector.update(aloud && cursor !== null);
    this.grid.repaint();
  }

  leave() {
    if (this.cursor && !this.cursor.held) this.point(null);
  }

  /** The cell of a model at the place of the cell that is pointed at. @param {Askable} tile @param {Cursor} cursor @returns {Spotted | null} */
  placeFor(tile, cursor) {
    if (tile === cursor.tile) return { row: cursor.row, column: cursor.column };
    const { placement } = this.grid.look;
    const [x0, y0, x1, y1] = cursor.tile.cells.square(cursor.row, cursor.column, placement);
    return tile.cells.at((x0 + x1) / 2, (y0 + y1) / 2, placement);
  }

  draw() {
    const window = this.surface.window();
    if (!window || !this.sizes.loaded) return;
    this.paint(this.surface.context, window);
    this.surface.drawn();
  }

  /** @param {CanvasRenderingContext2D} context @param {Pane} window */
  paint(context, window) {
    context.drawImage(this.sizes.at(window), 0, 0);
    if (this.cursor) this.inspector.drawEnergy(this.cursor, context, window);
    if (this.cursor) this.mark(this.cursor.tile, window, context);
    else this.boxing.draw(context, window);
  }

  /** Draw the box, the cell that is pointed at, and what it can see. @param {Tile} tile @param {Pane} window @param {CanvasRenderingContext2D} context */
  mark(tile, window, context) {
    this.boxing.draw(context, window);
    if (!this.cursor || !askable(tile)) return;
    const place = this.placeFor(tile, this.cursor);
    if (!place) return;
    if (!tile.cells.seesAll(place.row, place.column)) {
      outline(context, tile.cells.field(place.row, place.column), this.size, window, { dash: [5, 4] });
    }
    outline(context, tile.cells.square(place.row, place.column, this.grid.look.placement), this.size, window);
  }
}
