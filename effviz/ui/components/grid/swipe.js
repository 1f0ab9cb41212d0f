// Two models' maps on one photo, with a divider to move.

class Swipe {
  labels = ""; // of the models to choose from

  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.stage = make("div", { class: "stage" }, [make("canvas", { role: "img" })]);
    this.divider = make("input", { type: "range", min: "0", max: "100", step: "0.5", value: "50" });
    this.sides = [0, 1].map(() => make("select"));
    this.names = [0, 1].map(() => make("span"));
    const labels = this.sides.map((select, i) => make("label", {}, [this.names[i], select]));
    this.element = make("div", { class: "swipe", hidden: "" }, [make("div", { class: "sides" }, labels), this.stage, this.divider]);
    this.painters = [new Painter(), new Painter()];
    this.surface = new Surface(this.stage, row, { draw: () => this.draw(), drag: (x) => this.move(100 * x) });
    this.divider.addEventListener("input", () => this.repaint());
    for (const select of this.sides) select.addEventListener("change", () => this.choose());
  }

  /** Two others are wanted. */
  choose() {
    this.say();
    this.repaint();
  }

  say() {
    const [left, right] = this.sides.map((select) => select.value);
    this.surface.canvas.setAttribute("aria-label", fill(this.row.grid.data.words.swiped, { left, right }));
  }

  update() {
    const { grid, drawable } = this.row;
    const { words } = grid.data;
    const labels = drawable.map((tile) => tile.cell.label);
    this.element.hidden = !grid.swiping || labels.length < 2;
    this.divider.setAttribute("aria-label", words.divider);
    [words.left, words.right].forEach((word, i) => write(this.names[i], word));
    if (labels.join() !== this.labels) this.offer(labels);
    if (labels.length >= 2) this.say();
  }

  /** @param {string[]} labels */
  offer(labels) {
    this.labels = labels.join();
    this.sides.forEach((select, i) => {
      select.replaceChildren(...labels.map((label) => make("option", { value: label }, [label])));
      select.value = labels[i === 0 ? 0 : labels.length - 1];
    });
  }

  /** @param {number} percent */
  move(percent) {
    this.divider.value = String(percent);
    this.repaint();
  }

  /** The maps beside stay as they are. */
  repaint() {
    this.row.grid.repaint(false, [this.surface]);
  }

  draw() {
    const { grid, drawable, sizes } = this.row;
    const window = this.surface.window();
    const pair = this.sides.flatMap((select) => drawable.filter((tile) => tile.cell.label === select.value));
    if (!window || !sizes.loaded || pair.length < 2) return;
    const { context } = this.surface;
    const x = Math.round((window.width * Number(this.divider.value)) / 100);
    pair.forEach((tile, i) => {
      context.save();
      if (i === 1) {
        context.beginPath();
        context.rect(x, 0, window.width, window.height);
        context.clip();
      }
      const palette = grid.palette(tile.scaled.signed);
      this.painters[i].update(tile.scaled, tile.cell.place, grid.look, window, palette, tile.mark);
      this.painters[i].compose(context, sizes.at(window), grid.look.opacity / 100);
      context.restore();
    });
    this.row.boxing.draw(context, window);
    context.fillStyle = MARK_SHADE;
    context.fillRect(x - 2, 0, 4, window.height);
    context.fillStyle = MARK_CELL;
    context.fillRect(x - 1, 0, 2, window.height);
    this.surface.drawn();
  }
}
