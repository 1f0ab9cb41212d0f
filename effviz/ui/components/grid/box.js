// A box that the visitor draws on a photo, and the share of every map inside it.

/** @typedef {[number, number, number, number]} Corners x0, y0, x1, y1 in pixels of the photo */

const BOX = "#ffb000";
const EDGES = [0, 1, 2, 3]; // left, top, right, bottom

class Boxing {
  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.corners = /** @type {Corners | null} */ (null);
    this.hint = make("span", { class: "note" });
    this.names = EDGES.map(() => make("span"));
    this.inputs = EDGES.map(() => make("input", { type: "number", min: "0", step: "1" }));
    this.remove = make("button", { type: "button" });
    this.covers = make("span");
    this.live = make("p", { class: "spoken", "aria-live": "polite" });
    const labels = this.inputs.map((input, i) => make("label", {}, [this.names[i], input]));
    this.element = make("div", { class: "panel box", hidden: "" }, [this.hint, ...labels, this.remove, this.covers, this.live]);
    for (const input of this.inputs) {
      input.addEventListener("input", () => this.read());
      input.addEventListener("change", () => this.settle());
    }
    this.remove.addEventListener("click", () => this.set(null));
  }

  update() {
    const { grid, size, drawable } = this.row;
    const { words } = grid.data;
    this.element.hidden = !grid.boxing || drawable.length === 0;
    write(this.hint, words.boxHint);
    write(this.remove, words.boxRemove);
    EDGES.forEach((i) => {
      write(this.names[i], words.boxEdges[i]);
      this.inputs[i].max = String(size[i % 2]);
    });
    this.measure();
  }

  /** The visitor draws: two corners, from 0 to 1 of the photo. @param {number[]} from @param {number[]} to @param {boolean} done */
  drag(from, to, done) {
    const { size } = this.row;
    this.set(/** @type {Corners} */ (EDGES.map((i) => Math.round((i < 2 ? from : to)[i % 2] * size[i % 2]))));
    if (done) this.speak();
  }

  /** Set the box from the numbers; an empty field means the photo's edge. */
  read() {
    const [width, height] = this.row.size;
    const whole = [0, 0, width, height];
    const typed = this.inputs.map((input, i) => (input.value === "" ? whole[i] : Number(input.value)));
    this.set(/** @type {Corners} */ (typed));
  }

  /** @param {Corners | null} corners in any order, possibly outside the photo */
  set(corners) {
    this.corners = corners && sorted(corners, this.row.size);
    const typed = /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement;
    this.write(this.inputs.filter((input) => input !== typed)); // not the field that is being edited
    this.measure();
    this.row.repaint();
  }

  /** A number field lost the focus. */
  settle() {
    this.write(this.inputs);
    this.speak();
  }

  /** @param {HTMLInputElement[]} inputs */
  write(inputs) {
    for (const input of inputs) input.value = this.corners ? String(this.corners[this.inputs.indexOf(input)]) : "";
  }

  /** Return the effective box. */
  get shown() {
    return this.row.grid.boxing ? this.corners : null;
  }

  /** Write the share of evidence in the box under every map. */
  measure() {
    const { shown } = this;
    const { words } = this.row.grid.data;
    this.remove.hidden = !shown;
    write(this.covers, shown ? fill(words.boxCovers, { share: percent(areaOf(shown) / areaOf([0, 0, ...this.row.size]), 1) }) : "");
    for (const tile of this.row.drawable) {
      tile.boxed.hidden = !shown;
      if (shown) write(tile.boxed, this.sentence(tile, shown));
    }
  }

  /** A large box holds much of any map, so the sentence also gives the share of a uniform map. @param {Tile} tile @param {Corners} box */
  sentence(tile, box) {
    const { grid, size } = this.row;
    const { words } = grid.data;
    const { label: model, place } = tile.cell;
    if (areaOf(box) === 0) return words.boxEmpty;
    const { part, outside } = seenIn(box, place.seen, size);
    if (part === 0) return fill(words.boxUnseen, { model });
    const heat = heatOf(tile.map(), place, grid.look.placement);
    if (heat.total <= 0) return words.boxNothing;
    const share = energyIn(heat, box, size);
    const peak = pointsInto(heat, box, size) ? words.boxHit : words.boxMiss;
    const said = { model, share: fixed(100 * share, 0), part: fixed(100 * part, 1), times: fixed(share / part, 1), peak };
    const beyond = fixed(100 * outside, 0);
    return fill(words.boxShare, said) + (beyond === "0" ? "" : ` ${fill(words.boxOutside, { part: beyond })}`);
  }

  speak() {
    const { shown } = this;
    const parts = shown ? this.row.drawable.map((tile) => `${tile.cell.label}: ${this.sentence(tile, shown)}`) : [];
    write(this.live, parts.join(" "));
  }

  /** @param {CanvasRenderingContext2D} context @param {Pane} window */
  draw(context, window) {
    if (this.shown) outline(context, this.shown, this.row.size, window, { colour: BOX });
  }
}

/** @param {Corners} corners @param {number[]} size @returns {Corners} */
function sorted([xa, ya, xb, yb], [width, height]) {
  const [x0, x1] = [Math.min(xa, xb), Math.max(xa, xb)].map((x) => clip(x, 0, width));
  const [y0, y1] = [Math.min(ya, yb), Math.max(ya, yb)].map((y) => clip(y, 0, height));
  return [x0, y0, x1, y1];
}
