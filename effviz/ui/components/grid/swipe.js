// Two models' maps on one photo, with a movable divider.

class Swipe {
  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.pair = new Pair(row, () => this.choose());
    this.stage = make("div", { class: "stage" }, [make("canvas", { role: "img" })]);
    this.divider = make("input", { type: "range", min: "0", max: "100", step: "0.5", value: "50" });
    this.element = make("div", { class: "view swipe", hidden: "" }, [this.pair.element, this.stage, this.divider]);
    this.painters = [new Painter(), new Painter()];
    this.surface = new Surface(this.stage, row, { draw: () => this.draw(), drag: (x) => this.move(100 * x) });
    this.divider.addEventListener("input", () => this.repaint());
  }

  /** The choice of models changed. */
  choose() {
    this.say();
    this.repaint();
  }

  say() {
    const [left, right] = this.pair.chosen;
    this.surface.canvas.setAttribute("aria-label", fill(this.row.grid.data.words.swiped, { left, right }));
  }

  update() {
    const { grid } = this.row;
    const two = this.pair.update();
    this.element.hidden = !grid.swiping || !two;
    this.divider.setAttribute("aria-label", grid.data.words.divider);
    if (two) this.say();
  }

  /** @param {number} percent */
  move(percent) {
    this.divider.value = String(percent);
    this.repaint();
  }

  /** Repaint this photo only; the other maps stay unchanged. */
  repaint() {
    this.row.grid.repaint(false, [this.surface]);
  }

  draw() {
    const { grid, sizes } = this.row;
    const window = this.surface.window();
    const pair = this.pair.tiles;
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
