// One model's map of one photo, with its caption.

/**
 * @typedef {{index: number, logit: number, probability: number}} Fact what a model says about a class
 * @typedef {{label: string, role: string, colour: string, trained: boolean, alt: string, ms: string, about: string[], gap: string,
 *   place: Place, inspect: Inspect | null, asked: number[], maps: Packed | null, classes: number[], facts: (Fact | null)[], first: number}} Cell
 *   classes: the photo's classes that the maps explain, in order; facts: one for each of the photo's classes;
 *   first: the model's own first guess; gap: why there is no map;
 *   alt: a sentence that replaces the description of the map
 */

let tilesMade = 0;

class Tile {
  /** @type {Cell} */ cell;
  /** @type {Cells | null} */ cells = null;
  /** @type {Float32Array[]} */ maps = [];
  /** @type {Scaled} */ scaled;
  mark = ""; // identifies the map drawn

  /** @param {Row} row @param {Cell} cell */
  constructor(row, cell) {
    this.row = row;
    const id = `map-${++tilesMade}`; // the description belongs to the stage, which gets the focus
    const canvas = make("canvas", { role: "img", id });
    this.stage = make("div", { class: "stage", role: "application", tabindex: "-1", "aria-describedby": id }, [canvas]);
    this.enlarge = make("button", { type: "button", class: "enlarge", "aria-pressed": "false" }, ["\u2922"]);
    this.lines = make("div", { class: "lines" });
    this.boxed = make("div", { class: "boxed", hidden: "" });
    this.title = make("div", { class: "title" });
    this.about = make("details", { class: "about" }, [make("summary"), make("ul")]);
    this.caption = make("figcaption", {}, [this.title, this.lines, this.boxed, this.about]);
    this.frame = make("div", { class: "frame" }, [this.stage, this.enlarge]);
    this.element = make("figure", { class: "tile" }, [this.frame, this.caption]);
    this.painter = new Painter();
    this.surface = new Surface(this.stage, row, {
      draw: () => this.draw(),
      point: (x, y) => row.pointAt(this, x, y, false),
      click: (x, y) => row.pointAt(this, x, y, true),
      leave: () => row.leave(),
      box: (from, to, done) => row.boxing.drag(from, to, done),
    });
    this.stage.addEventListener("pointerenter", (event) => row.grid.hint(this, event));
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("focus", () => row.rove(this));
    this.enlarge.addEventListener("click", () => this.setLarge(!this.element.classList.contains("large")));
    this.update(cell);
  }

  /** @param {Cell} cell */
  update(cell) {
    const { words } = this.row.grid.data;
    if (!this.cell || this.cell.maps?.data !== cell.maps?.data) this.maps = cell.maps ? unpack(cell.maps) : [];
    if (!this.cell || JSON.stringify(this.cell.inspect) !== JSON.stringify(cell.inspect)) {
      this.cells = cell.inspect ? new Cells(cell, cell.inspect) : null;
    }
    this.cell = cell;
    if (this.cells) this.cells.cell = cell;
    this.element.classList.toggle("gap", cell.gap !== "");
    this.stage.setAttribute("aria-label", fill(words.stage, { model: cell.label }));
    this.enlarge.title = fill(words.enlarge, { model: cell.label });
    this.enlarge.setAttribute("aria-label", this.enlarge.title);
    this.title.replaceChildren(make("b", {}, [cell.label]));
    if (cell.role) {
      const role = make("span", { class: "role" }, [cell.role]);
      role.style.setProperty("--role", cell.colour);
      this.title.append(" ", role);
    }
    const [head, list] = this.about.children;
    write(head, cell.ms);
    list.replaceChildren(...cell.about.map((line) => make("li", {}, [line])));
    this.about.hidden = cell.about.length === 0;
    if (cell.gap) this.lines.replaceChildren(make("div", {}, [cell.gap]));
  }

  /** Enlarge the tile to the window, and scroll it into view. @param {boolean} large */
  setLarge(large) {
    if (large === this.element.classList.contains("large")) return;
    this.element.classList.toggle("large", large);
    this.enlarge.setAttribute("aria-pressed", String(large));
    this.element.scrollIntoView({ block: large ? "start" : "nearest" });
    this.row.grid.repaint();
  }

  /** The index of the class to draw: the picked one if this model has a map of it, else its first guess, else any available. */
  shown() {
    const { classes, first } = this.cell;
    return [this.row.picked(), first].find((place) => place !== null && classes.includes(place)) ?? classes[0];
  }

  /** The model's output for a class that it knows. @param {number} position */
  fact(position) {
    return /** @type {Fact} */ (this.cell.facts[position]);
  }

  /** @returns {Float32Array} */
  map() {
    return this.maps[this.cell.classes.indexOf(this.shown())];
  }

  /** The description of the map. */
  sentence() {
    const { cell, row } = this;
    return cell.alt || summary(this.map(), { ...cell.place, name: row.photo.classes[this.shown()] }, row.grid.data.words);
  }

  describe() {
    const { cell, row } = this;
    const { words } = row.grid.data;
    const shown = this.shown();
    const sentence = this.sentence();
    this.surface.canvas.setAttribute("aria-label", sentence);
    this.surface.canvas.dataset.class = String(cell.facts[shown]?.index ?? "");
    const lines = cell.trained ? this.guesses(shown) : [make("div", { class: "loud" }, [words.untrained])];
    if (cell.trained && this.map().every((value) => value <= 0)) lines.push(make("div", {}, [sentence]));
    if (row.grid.look.placement === "calibrated" && !cell.place.calibration) {
      lines.push(make("div", { class: "note" }, [fill(words.uncalibrated, { model: cell.label })]));
    }
    this.lines.replaceChildren(...lines);
  }

  /** @param {number} shown */
  guesses(shown) {
    const { classes } = this.row.photo;
    const { first } = this.cell;
    const lines = [make("div", {}, [`${classes[first]} `, make("b", {}, [percent(this.fact(first).probability, 0)])])];
    const values = { name: classes[shown], percent: percent(this.fact(shown).probability, 1) };
    const said = fill(this.row.grid.data.words.mapOf, values);
    // The line is always present, so that the page does not move while the visitor points at different classes.
    return [...lines, make("div", {}, [shown === first ? "\u00a0" : said])];
  }

  /** Enter inspects cells, arrow keys move between them, and Escape leaves; otherwise arrow keys move between maps. @param {KeyboardEvent} event */
  key(event) {
    if (event.target !== this.stage || this.surface.key(event)) return;
    const { cursor } = this.row;
    const held = cursor?.held && cursor.tile === this ? cursor : null;
    /** @type {Record<string, number[]>} */
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (event.key === "Escape" && held) this.row.point(null);
    else if ((event.key === "Enter" || event.key === " ") && askable(this)) this.row.point({ tile: this, ...this.cells.peak(this.shown()), held: true }, true);
    else if (step && held) {
      const { cells } = held.tile;
      const row = clip(held.row + step[0], 0, cells.rows - 1);
      const column = clip(held.column + step[1], 0, cells.columns - 1);
      this.row.point({ tile: held.tile, row, column, held: true }, true);
    } else if (step) this.row.neighbour(this, step[0], step[1]);
    else return;
    event.preventDefault();
  }

  draw() {
    const window = this.surface.window();
    if (!window || !this.row.sizes.loaded) return;
    this.paint(this.surface.context, window, this.painter);
    this.surface.drawn();
  }

  /** @param {CanvasRenderingContext2D} context @param {Pane} window @param {Painter} painter */
  paint(context, window, painter) {
    const { grid, sizes } = this.row;
    painter.update(this.scaled, this.cell.place, grid.look, window, grid.palette(this.scaled.signed), this.mark);
    painter.compose(context, sizes.at(window), grid.look.opacity / 100);
    this.row.mark(this, window, context);
  }
}
