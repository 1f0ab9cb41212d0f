// The choice of two models, left and right.

class Pair {
  labels = ""; // the models to choose from

  /** @param {Row} row @param {() => void} chosen is called when the choice changes */
  constructor(row, chosen) {
    this.row = row;
    this.sides = [0, 1].map(() => make("select"));
    this.names = [0, 1].map(() => make("span"));
    const labels = this.sides.map((select, i) => make("label", {}, [this.names[i], select]));
    this.element = make("div", { class: "sides" }, labels);
    for (const select of this.sides) select.addEventListener("change", chosen);
  }

  /** @returns {boolean} whether there are two */
  update() {
    const { words } = this.row.grid.data;
    const labels = this.row.drawable.map((tile) => tile.cell.label);
    [words.left, words.right].forEach((word, i) => write(this.names[i], word));
    if (labels.join() !== this.labels) this.offer(labels);
    return labels.length >= 2;
  }

  /** @param {string[]} labels */
  offer(labels) {
    this.labels = labels.join();
    this.sides.forEach((select, i) => {
      select.replaceChildren(...labels.map((label) => make("option", { value: label }, [label])));
      select.value = labels[i === 0 ? 0 : labels.length - 1];
    });
  }

  /** @returns {string[]} */
  get chosen() {
    return this.sides.map((select) => select.value);
  }

  /** Adopt another row's choice if both models are available. @param {string[]} labels */
  choose(labels) {
    const offered = [...this.sides[0].options].map((option) => option.value);
    if (labels.every((label) => offered.includes(label))) this.sides.forEach((select, i) => (select.value = labels[i]));
  }

  /** @returns {Tile[]} two, or fewer if they are not available */
  get tiles() {
    return this.chosen.flatMap((label) => this.row.drawable.filter((tile) => tile.cell.label === label));
  }
}
