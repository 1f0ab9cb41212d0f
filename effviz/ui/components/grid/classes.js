// The classes with maps at hand, each with every model's probability: point to preview, click to choose for all.

class ClassList {
  offered = ""; // the classes that the buttons were created for

  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.element = make("div", { class: "classes", role: "radiogroup" });
    this.live = make("p", { class: "spoken", "aria-live": "polite" });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("pointerleave", () => this.hover(null));
  }

  update() {
    const { grid, photo } = this.row;
    const trained = photo.cells.filter((cell) => cell.gap === "" && cell.trained);
    this.element.hidden = !grid.data.pickable || trained.length === 0;
    this.element.setAttribute("aria-label", grid.data.words.classes);
    const offered = JSON.stringify([grid.data.words.ownGuess, photo.classes, trained.map(({ label, colour, facts }) => [label, colour, facts])]);
    if (offered !== this.offered) this.offer(trained);
    this.offered = offered;
    this.mark();
  }

  /** Recreate the buttons; if one of them had the focus, the chosen one gets it. @param {Cell[]} trained */
  offer(trained) {
    const { photo } = this.row;
    const focused = this.element.contains(/** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement ?? null);
    const strongest = (/** @type {number} */ i) => Math.max(...trained.map((cell) => cell.facts[i]?.probability ?? 0));
    const order = photo.classes.map((_, i) => i).sort((a, b) => strongest(b) - strongest(a));
    this.element.replaceChildren(this.choice(null, trained), ...order.map((i) => this.choice(i, trained)));
    this.mark();
    if (focused) find(this.element, '[aria-checked="true"]').focus();
  }

  /** @param {number | null} position @param {Cell[]} cells */
  choice(position, cells) {
    const { grid, photo } = this.row;
    const name = position === null ? grid.data.words.ownGuess : photo.classes[position];
    const button = make("button", { type: "button", role: "radio" }, [make("span", {}, [name])]);
    button.dataset.position = position === null ? "" : String(position);
    if (position !== null) {
      const known = cells.flatMap((cell) => {
        const fact = cell.facts[position];
        return fact ? { label: cell.label, colour: cell.colour, probability: fact.probability } : [];
      });
      const says = known.map(({ label, probability }) => `${label} ${percent(probability, 1)}`).join(", ");
      button.title = says;
      button.setAttribute("aria-label", `${name}: ${says}`);
      button.append(make("span", { class: "bars", "aria-hidden": "true" }, known.map(bar)));
    }
    button.addEventListener("click", () => this.choose(position));
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") this.hover(position);
    });
    return button;
  }

  /** @param {number | null} position */
  choose(position) {
    const { row } = this;
    row.grid.choose(position === null ? "" : row.photo.classes[position]);
    write(this.live, row.drawable.map((tile) => `${tile.cell.label}: ${tile.sentence()}`).join(" "));
  }

  /** @param {number | null} position */
  hover(position) {
    if (this.row.hovered === position) return;
    this.row.hovered = position;
    this.row.grid.repaint(true);
  }

  mark() {
    const { chosen } = this.row;
    for (const button of childrenOf(this.element)) {
      const is = button.dataset.position === (chosen === null ? "" : String(chosen));
      button.setAttribute("aria-checked", String(is));
      button.tabIndex = is ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
    const step = steps[event.key];
    if (!step) return;
    const buttons = childrenOf(this.element);
    const now = buttons.findIndex((button) => button.getAttribute("aria-checked") === "true");
    const next = buttons[(now + step + buttons.length) % buttons.length];
    event.preventDefault();
    next.focus();
    next.click();
  }
}

/** @param {{probability: number, colour: string}} of */
function bar({ probability, colour }) {
  const element = make("i");
  element.style.setProperty("--part", String(probability));
  element.style.setProperty("--role", colour);
  return element;
}
