// One photo: the photo itself, its classes, and a tile for every model.

/** @typedef {{id: string, name: string, caption: string, alt: string, size: number[], src: string, classes: string[], cells: Cell[]}} PhotoData */

const LEAST_ASIDE = 184; // px: room for the classes
const LEAST_TILE = 168; // px: five maps fit in one row on a screen of 1280 px
const GAP = 12;

class Row {
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
    this.figure = make("div", { class: "photo" }, [this.stage, make("div", { class: "name" }, [this.heading, " ", this.note])]);
    this.aside = make("div", { class: "aside" }, [this.figure, this.list.element, this.list.live]);
    this.narrow = false;
    this.swipe = new Swipe(this);
    this.difference = new DifferenceView(this);
    this.inspector = new Inspector(this);
    this.boxing = new Boxing(this);
    const views = make("div", { class: "views" }, [this.swipe.element, this.difference.element]);
    this.main = make("div", { class: "main" }, [this.boxing.element, views, this.tilesBox, this.inspector.element]);
    this.element = make("section", { class: "row" }, [this.aside, this.main]);
    this.element.style.setProperty("--ratio", String(photo.size[0] / photo.size[1])); // limits picture heights, see grid.css
    this.surface = new Surface(this.stage, this, {
      draw: () => this.draw(),
      box: (from, to, done) => this.boxing.drag(from, to, done),
    });
    /** @type {Tile[]} */
    this.tiles = [];
    this.hovered = /** @type {number | null} */ (null);
    this.update(photo);
  }

  /** @param {PhotoData} photo */
  update(photo) {
    this.photo = photo;
    if (this.sizes?.src !== photo.src) this.sizes = new PhotoSizes(photo.src, () => this.grid.repaint());
    write(this.heading, photo.name);
    write(this.note, photo.caption);
    this.surface.canvas.setAttribute("aria-label", photo.alt);
    this.updateTiles();
    this.list.update();
    this.swipe.update();
    this.difference.update();
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
    this.tilesBox.replaceChildren(...(this.narrow ? [this.figure] : []), ...this.tiles.map((tile) => tile.element));
  }

  /** @returns {Tile[]} those with a map */
  get drawable() {
    return this.tiles.filter((tile) => tile.cell.gap === "");
  }

  /** @returns {Askable[]} those whose cells can be inspected */
  get inspectable() {
    return this.drawable.filter(askable);
  }

  /** @returns {Surface[]} */
  get surfaces() {
    return [this, ...this.tiles, this.swipe, this.difference].map(({ surface }) => surface);
  }

  /** The class that is chosen for all maps; null: each model's own first guess. */
  get chosen() {
    const place = this.photo.classes.indexOf(this.grid.look.class ?? "");
    return place < 0 ? null : place;
  }

  /** The class pointed at, or else the chosen one. */
  picked() {
    return this.hovered ?? this.chosen;
  }

  /** @param {View} view */
  setView(view) {
    this.view = view;
    this.element.classList.toggle("zoomed", view.zoom > 1);
    this.grid.viewed();
  }

  repaint() {
    this.grid.repaint();
  }

  /** Show as many maps side by side as fit; if the last line would be short, balance the lines. */
  layout() {
    this.arrange(this.grid.narrow);
    const width = this.element.clientWidth;
    const fit = Math.max(1, Math.floor((width - LEAST_ASIDE) / (LEAST_TILE + GAP)));
    const lines = Math.ceil(this.tiles.length / fit);
    const columns = this.narrow ? 2 : Math.ceil(this.tiles.length / Math.max(1, lines));
    this.tilesBox.style.setProperty("--columns", String(columns));
    const alike = (width - columns * GAP) / (columns + 1); // the photo is as wide as a map
    this.element.style.setProperty("--aside", `${Math.max(LEAST_ASIDE, alike)}px`);
  }

  /** On a phone, the photo is the first of two columns, because a single one allows no comparison; the classes come last. @param {boolean} narrow */
  arrange(narrow) {
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    (narrow ? this.tilesBox : this.aside).prepend(this.figure);
    if (narrow) this.element.append(this.aside);
    else this.element.prepend(this.aside);
  }

  /** Tab reaches one map of a photo, and the arrow keys the others. @param {Tile | undefined} tile */
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

  /** A model's cell at the position of the cell at the cursor. @param {Askable} tile @param {Cursor} cursor @returns {Spotted | null} */
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

  /** Draw the box, the cell at the cursor and its receptive field. @param {Tile} tile @param {Pane} window @param {CanvasRenderingContext2D} context */
  mark(tile, window, context) {
    this.boxing.draw(context, window);
    if (!this.cursor || !askable(tile)) return;
    const place = this.placeFor(tile, this.cursor);
    if (!place) return;
    if (!tile.cells.seesAll(place.row, place.column)) {
      outline(context, tile.cells.field(place.row, place.column), this.size, window, { dash: [5, 4] });
    }
    const square = tile.cells.square(place.row, place.column, this.grid.look.placement);
    outline(context, square, this.size, window);
    if (this.cursor.held && tile === this.cursor.tile && context === tile.surface.context) this.inspector.bubble.place(tile, square, window);
  }
}
