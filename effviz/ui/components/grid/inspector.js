// The evidence, receptive field and gradient energy of one cell of the last layer's map, for every model at that place.

/**
 * @typedef {{evidence: Packed, top: {names: string[], picks: string, logits: Packed, count: number},
 *   field: {x: number[][], y: number[][]}}} Inspect evidence: a map for each class in `asked`; field: start and end in photo pixels
 * @typedef {Tile & {cells: Cells}} Askable a map whose cells can be inspected
 * @typedef {{tile: Askable, row: number, column: number, held: boolean}} Cursor the cell that is pointed at
 * @typedef {{row: number, column: number}} Spotted a cell of a map
 * @typedef {{photo: string, model: string, index: number, row: number, column: number}} Question about a cell
 * @typedef {Question & {count: number, sentence: string, energy: Packed | null, box: number[] | null}} Answer what matters to a cell
 */

const ENERGY = 0x00b0ff; // amber; bytes are blue, green, red
const MARK_CELL = "#ffffff";
const MARK_SHADE = "#000000";
const BESIDE = 6; // px
const BARELY = 0.02; // of the photo: frames closer than this look like one

/** @param {Tile} tile @returns {tile is Askable} */
const askable = (tile) => tile.cells !== null;

/** One model's cells. */
class Cells {
  /** @param {Cell} cell @param {Inspect} inspect */
  constructor(cell, inspect) {
    const { evidence, top } = inspect;
    this.cell = cell;
    this.inspect = inspect;
    this.rows = evidence.rows;
    this.columns = evidence.columns;
    this.evidence = unpack(evidence);
    this.logits = unpack(top.logits);
    const bytes = bytesOf(top.picks);
    this.picks = new Uint16Array(bytes.buffer);
  }

  /** @param {string} placement @returns {{x: Axis, y: Axis}} in pixels of the photo */
  axes(placement) {
    const [width, height] = this.cell.place.size;
    const whole = { left: 0, top: 0, width, height, fullWidth: width, fullHeight: height };
    return axesOf({ ...this.cell.place, rows: this.rows, columns: this.columns }, whole, placement);
  }

  /** @param {number} x pixel of the photo @param {number} y @param {string} placement @returns {{row: number, column: number} | null} */
  at(x, y, placement) {
    const axes = this.axes(placement);
    const inside = (/** @type {Axis} */ axis, /** @type {number} */ pixel) => pixel >= axis.start && pixel < axis.end;
    if (!inside(axes.x, x) || !inside(axes.y, y)) return null;
    const cell = (/** @type {Axis} */ axis, /** @type {number} */ pixel) => clip(Math.floor(placeOf(axis, pixel - 0.5)), 0, axis.n - 1);
    return { row: cell(axes.y, y), column: cell(axes.x, x) };
  }

  /** @param {number} row @param {number} column @param {string} placement @returns {number[]} x0, y0, x1, y1 in pixels of the photo */
  square(row, column, placement) {
    const axes = this.axes(placement);
    const [x, y] = [edgesOf(axes.x), edgesOf(axes.y)];
    return [x[column], y[row], x[column + 1], y[row + 1]];
  }

  /** @param {number} row @param {number} column @returns {number[]} x0, y0, x1, y1 of what the cell can see */
  field(row, column) {
    const { x, y } = this.inspect.field;
    return [x[column][0], y[row][0], x[column][1], y[row][1]];
  }

  /** Whether the frame of its receptive field would coincide with that of what the model saw. @param {number} row @param {number} column */
  seesAll(row, column) {
    const { seen, size } = this.cell.place;
    return this.field(row, column).every((edge, i) => Math.abs(edge - seen[i]) <= BARELY * size[i % 2]);
  }

  /** What the cell adds to the logit of a class; null if it was not sent. @param {number} position of the class @param {number} row @param {number} column */
  adds(position, row, column) {
    const map = this.evidence[this.cell.asked.indexOf(position)];
    return map ? map[row * this.columns + column] : null;
  }

  /** The classes that the cell alone would choose. @param {number} row @param {number} column @returns {{name: string, logit: number}[]} */
  favourites(row, column) {
    const at = row * this.columns + column;
    const { names, count } = this.inspect.top;
    return this.logits.map((logits, rank) => ({ name: names[this.picks[at * count + rank]], logit: logits[at] }));
  }

  /** The cell with the most evidence. @param {number} position of the class */
  peak(position) {
    const map = this.evidence[Math.max(0, this.cell.asked.indexOf(position))];
    const cell = peakOf(map);
    return { row: Math.floor(cell / this.columns), column: cell % this.columns };
  }
}

/** @typedef {{frame: HTMLElement, stage: HTMLElement, row: Row}} Framed a picture in its frame */

/** One line of text beside a cell. */
class Bubble {
  constructor() {
    this.element = make("div", { class: "bubble" });
  }

  /** @param {Framed} picture @param {string} text */
  show({ frame }, text) {
    write(this.element, text);
    if (this.element.parentElement !== frame) frame.append(this.element);
  }

  hide() {
    this.element.remove();
  }

  /** Place it to the right of its cell, or to the left if there is no room; it may overlap other maps. @param {Framed} picture @param {number[]} corners of the cell in the photo @param {Pane} pane */
  place(picture, [x0, y0, x1, y1], pane) {
    const { row } = picture;
    const { clientWidth, clientHeight } = picture.stage;
    const [across, down] = [pane.fullWidth / row.size[0], pane.fullHeight / row.size[1]];
    const scale = clientWidth / pane.width;
    const [left, right] = [x0, x1].map((x) => clip((x * across - pane.left) * scale, 0, clientWidth));
    const middle = clip((((y0 + y1) / 2) * down - pane.top) * scale, 0, clientHeight);
    const frame = picture.frame.getBoundingClientRect();
    const room = row.grid.root.getBoundingClientRect();
    const { offsetWidth, offsetHeight, style } = this.element;
    const beside = frame.left + right + BESIDE + offsetWidth <= room.right ? right + BESIDE : left - BESIDE - offsetWidth;
    style.left = `${Math.max(beside, room.left - frame.left)}px`;
    style.top = `${middle - offsetHeight / 2}px`;
  }
}

/** The panel below the maps of one photo. */
class Inspector {
  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.hint = make("p", { class: "note" });
    this.title = make("b");
    this.matters = make("button", { type: "button" });
    this.release = make("button", { type: "button" });
    this.table = make("table");
    this.legend = make("p", { class: "note" });
    this.answer = make("p");
    this.live = make("p", { class: "spoken", "aria-live": "polite" });
    this.panel = make("div", { class: "panel", hidden: "" }, [
      make("div", { class: "head" }, [this.title, this.matters, this.release]),
      make("div", { class: "scroll" }, [this.table]),
      this.answer,
      this.legend,
    ]);
    this.element = make("div", { class: "inspector" }, [this.hint, this.panel, this.live]);
    this.matters.addEventListener("click", () => this.ask());
    this.release.addEventListener("click", () => this.letGo());
    this.bubble = new Bubble();
    this.layer = new Layer();
    this.asked = ""; // the question sent to Python
    this.last = /** @type {Cursor | null} */ (null); // the cell that the panel describes
  }

  /** Describe the cell at the cursor; without one the panel keeps its cell, so that the page does not jump. @param {boolean} aloud */
  update(aloud = false) {
    const { words } = this.row.grid.data;
    const { cursor } = this.row;
    write(this.hint, words.hint);
    write(this.matters, words.matters);
    write(this.release, words.release);
    this.matters.hidden = this.release.hidden = !cursor?.held;
    if (cursor?.held) this.bubble.show(cursor.tile, this.inShort(cursor));
    else this.bubble.hide();
    this.last = cursor ?? this.last;
    if (this.last && !this.row.inspectable.includes(this.last.tile)) this.last = null; // the models changed
    this.panel.hidden = !this.last;
    if (this.last) this.describe(this.last);
    if (cursor) this.report(cursor, aloud);
    else write(this.answer, "");
  }

  /** @param {Cursor} cursor */
  describe(cursor) {
    write(this.title, fill(this.row.grid.data.words.cell, placeOfCell(cursor)));
    write(this.legend, this.explained(cursor));
    this.fillTable(cursor);
  }

  /** Show Python's answer, and the text for screen readers. @param {Cursor} cursor @param {boolean} aloud */
  report(cursor, aloud) {
    const answer = this.found();
    const said = answer ? answer.sentence : this.asking(cursor) ? this.row.grid.data.words.asking : "";
    const news = said !== this.answer.textContent ? said : "";
    write(this.answer, said);
    if (answer?.energy) this.hide(this.matters); // otherwise the visitor may ask again
    const spoken = [aloud ? this.spoken(cursor) : "", news].join(" ").trim();
    if (spoken) write(this.live, spoken);
  }

  /** The cell's contribution, and its own top class. @param {Cursor} cursor */
  inShort({ tile, row, column }) {
    const shown = tile.shown();
    const adds = tile.cells.adds(shown, row, column);
    const logit = tile.cell.facts[shown]?.logit;
    const [first] = tile.cells.favourites(row, column);
    const amounts = { amount: adds === null ? "\u2013" : signed(adds), logit: logit === undefined ? "\u2013" : typeset(fixed(logit, 2)) };
    return fill(this.row.grid.data.words.bubble, { ...amounts, first: first.name });
  }

  /** The legend for what is drawn on the maps. @param {Cursor} cursor */
  explained(cursor) {
    const { words } = this.row.grid.data;
    const dashed = this.row.inspectable.some((tile) => {
      const place = this.row.placeFor(tile, cursor);
      return place && !tile.cells.seesAll(place.row, place.column);
    });
    const field = dashed ? words.field : words.wholeField;
    return [field, words.square, this.found()?.energy ? words.energyField : "", words.cellNote].filter(Boolean).join(" ");
  }

  /** Hide a used button; the one beside it gets the focus. @param {HTMLElement} button */
  hide(button) {
    const focused = /** @type {ShadowRoot} */ (button.getRootNode()).activeElement === button;
    button.hidden = true;
    if (focused) this.release.focus();
  }

  /** Release the cell, and return the focus to the map. */
  letGo() {
    const { cursor } = this.row;
    this.row.point(null);
    cursor?.tile.stage.focus({ preventScroll: true });
  }

  /** @param {Cursor} cursor */
  fillTable(cursor) {
    const { words } = this.row.grid.data;
    const tiles = this.row.inspectable;
    const { photo } = this.row;
    const names = new Set(tiles.map((tile) => photo.classes[tile.shown()]));
    const name = names.size === 1 ? [...names][0] : "";
    const line = (/** @type {string} */ head, /** @type {(tile: Askable) => (Node | string)[]} */ cell) =>
      make("tr", {}, [make("th", { scope: "row" }, [head]), ...tiles.map((tile) => make("td", tile === cursor.tile ? { class: "at" } : {}, cell(tile)))]);
    const placed = (/** @type {Askable} */ tile) => this.row.placeFor(tile, cursor);
    const heads = tiles.map((tile) => make("th", { scope: "col" }, [tile.cell.label]));
    this.table.replaceChildren(
      make("thead", {}, [make("tr", {}, [make("th", { scope: "col" }, [words.model]), ...heads])]),
      make("tbody", {}, [
        line(fill(words.adds, { name: name || "\u2026" }), (tile) => [this.evidence(tile, placed(tile), name === "")]),
        line(words.alone, (tile) => [favourites(tile, placed(tile))]),
      ]),
    );
  }

  /** @param {Askable} tile @param {Spotted | null} place @param {boolean} named */
  evidence(tile, place, named) {
    const { words } = this.row.grid.data;
    if (!place) return words.unseen;
    const shown = tile.shown();
    const adds = tile.cells.adds(shown, place.row, place.column);
    const logit = tile.cell.facts[shown]?.logit;
    if (adds === null || logit === undefined) return "\u2013";
    const values = { amount: signed(adds), logit: typeset(fixed(logit, 2)), share: typeset(percent(adds / logit, 1)) };
    const text = fill(logit > 0 ? words.share : words.amount, values);
    return named ? `${this.row.photo.classes[shown]}: ${text}` : text;
  }

  /** @param {Cursor} cursor */
  spoken(cursor) {
    const { photo, grid } = this.row;
    const { tile } = cursor;
    const adds = tile.cells.adds(tile.shown(), cursor.row, cursor.column);
    const [first] = tile.cells.favourites(cursor.row, cursor.column);
    const more = { amount: adds === null ? "\u2013" : signed(adds), name: photo.classes[tile.shown()], first: first.name };
    return fill(grid.data.words.spoken, { ...placeOfCell(cursor), ...more });
  }

  /** @param {Cursor} cursor @returns {Question} */
  question({ tile, row, column }) {
    return { photo: this.row.photo.id, model: tile.cell.label, index: tile.fact(tile.shown()).index, row, column };
  }

  ask() {
    const { cursor } = this.row;
    if (!cursor) return;
    this.asked = JSON.stringify(this.question(cursor));
    this.row.grid.answer = null; // from an earlier attempt
    this.row.grid.setTriggerValue("ask", this.question(cursor));
    this.update();
  }

  /** @param {Cursor} cursor */
  asking(cursor) {
    return this.asked === JSON.stringify(this.question(cursor));
  }

  /** Python's answer for the held cell. @returns {Answer | null} */
  found() {
    const { answer } = this.row.grid;
    const { cursor } = this.row;
    if (!answer || !cursor?.held) return null;
    const asked = this.question(cursor);
    const names = /** @type {(keyof Question)[]} */ (Object.keys(asked));
    return names.every((name) => answer[name] === asked[name]) ? answer : null;
  }

  /** Draw what matters to the cell on the photo. @param {Cursor} cursor @param {CanvasRenderingContext2D} context @param {Pane} window */
  drawEnergy(cursor, context, window) {
    const answer = this.found();
    if (!answer?.energy || !answer.box) return;
    const [energy] = unpack(answer.energy);
    const place = { ...cursor.tile.cell.place, rows: answer.energy.rows, columns: answer.energy.columns };
    const axes = axesOf(place, window, "plain");
    const xs = weightsOf(axes.x, window.left, window.width, false);
    const ys = weightsOf(axes.y, window.top, window.height, false);
    const pixels = this.layer.resize(window.width, window.height);
    const parts = new Float32Array(pixels.length);
    spread({ values: energy, low: 0, high: most(energy), signed: false }, xs, ys, place.columns, parts);
    // The square root, because energy is a square and its weaker parts would be invisible.
    parts.forEach((part, i) => (pixels[i] = part > 0 ? (Math.round(230 * Math.sqrt(Math.min(1, part))) << 24) | ENERGY : HIDDEN));
    this.layer.put();
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.fillRect(0, 0, window.width, window.height);
    context.drawImage(this.layer.canvas, 0, 0);
    outline(context, answer.box, this.row.size, window);
  }
}

/** Row and column counted from 1. @param {Cursor} cursor */
const placeOfCell = ({ tile, row, column }) => ({ row: row + 1, column: column + 1, model: tile.cell.label });

/** @param {Askable} tile @param {Spotted | null} place */
function favourites(tile, place) {
  if (!place) return "";
  const items = tile.cells.favourites(place.row, place.column);
  return make("ol", {}, items.map(({ name, logit }) => make("li", {}, [`${name} `, make("span", { class: "note" }, [typeset(fixed(logit, 1))])])));
}

/** @param {number} value */
const signed = (value) => (value < 0 ? `\u2212${fixed(-value, 2)}` : `+${fixed(value, 2)}`);

/**
 * A rectangle in photo pixels, light on dark so that it is visible on any picture.
 *
 * @param {CanvasRenderingContext2D} context @param {number[]} box @param {number[]} size of the photo @param {Pane} window
 * @param {{dash?: number[], colour?: string}} style
 */
function outline(context, [x0, y0, x1, y1], size, window, { dash = [], colour = MARK_CELL } = {}) {
  const [across, down] = [window.fullWidth / size[0], window.fullHeight / size[1]];
  const edges = () => context.strokeRect(x0 * across - window.left, y0 * down - window.top, (x1 - x0) * across, (y1 - y0) * down);
  context.setLineDash([]);
  context.lineWidth = 3.5;
  context.strokeStyle = MARK_SHADE;
  if (dash.length === 0) edges();
  context.setLineDash(dash);
  context.lineWidth = 1.75;
  context.strokeStyle = colour;
  edges();
  context.setLineDash([]);
}
