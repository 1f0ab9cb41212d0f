// One photo: the photo itself, its classes, and a tile for every model.

/** @typedef {{id: string, name: string, caption: string, alt: string, size: number[], src: string, classes: string[], cells: Cell[]}} PhotoData */

const LEAST_TILE = 236; // px; on a phone two maps stand side by side, since one alone cannot be compared
const LEAST_TILE_NARROW = 150;
const GAP = 16;

class Row {
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
    this.aside = make("div", { class: "aside" }, [
      make("div", { class: "photo" }, [this.stage, make("div", { class: "name" }, [this.heading, " ", this.note])]),
      this.list.element,
    ]);
    this.element = make("section", { class: "row" }, [this.aside, this.tilesBox]);
    this.surface = new Surface(this.stage, this, { draw: () => this.draw() });
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
  }

  updateTiles() {
    const { cells } = this.photo;
    const same = this.tiles.length === cells.length && this.tiles.every((tile, i) => tile.cell.label === cells[i].label);
    if (same) {
      this.tiles.forEach((tile, i) => tile.update(cells[i]));
      return;
    }
    this.tiles = cells.map((cell) => new Tile(this, cell));
    this.tilesBox.replaceChildren(...this.tiles.map((tile) => tile.element));
    this.grid.watch();
  }

  /** @returns {Tile[]} those with a map */
  get drawable() {
    return this.tiles.filter((tile) => tile.cell.gap === "");
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

  draw() {
    const window = this.surface.window();
    if (!window || !this.sizes.loaded) return;
    this.surface.context.drawImage(this.sizes.at(window), 0, 0);
    this.surface.drawn();
  }

  /** Draw what the inspector points at. @param {Tile} tile @param {Window} window */
  mark(tile, window) {}
}
