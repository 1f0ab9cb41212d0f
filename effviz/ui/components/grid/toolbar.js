// The controls of the look. Moving them redraws; Python is notified a moment after they are released.

/** @typedef {HTMLInputElement | HTMLSelectElement} Control */

const REST_MS = 400;

/** @param {Control} control */
const nameOf = (control) => /** @type {keyof Look} */ (control.dataset.look);

/** @param {Control} control @returns {control is HTMLInputElement & {type: "checkbox"}} */
const isSwitch = (control) => control.type === "checkbox";

/** @param {Control} control */
const titleOf = (control) => (control instanceof HTMLSelectElement && control.selectedOptions[0]?.textContent) || "";

class Toolbar {
  /** @param {Grid} grid @param {HTMLElement} element */
  constructor(grid, element) {
    this.grid = grid;
    this.element = element;
    this.legend = find(element, ".legend");
    /** @type {Control[]} */
    this.controls = Array.from(element.querySelectorAll("[data-look]"));
    this.timer = 0; // runs until Python is notified
    /** @type {string[]} the legend's */
    this.colours = [];
    this.held = false;
    for (const control of this.controls) {
      control.addEventListener("input", () => this.read(control));
      control.addEventListener("change", () => this.letGo());
      control.addEventListener("pointerdown", () => (this.held = true));
      control.addEventListener("pointerup", () => (this.held = false));
    }
    const swipe = /** @type {HTMLInputElement} */ (find(element, ".swiping"));
    swipe.addEventListener("change", () => grid.setSwiping(swipe.checked));
    const differing = /** @type {HTMLInputElement} */ (find(element, ".differing"));
    differing.addEventListener("change", () => grid.setDiffering(differing.checked));
    this.sorting = /** @type {HTMLInputElement} */ (find(element, ".sorting"));
    this.sorting.addEventListener("change", () => grid.setSorting(this.sorting.checked));
    const boxing = /** @type {HTMLInputElement} */ (find(element, ".boxing"));
    boxing.addEventListener("change", () => grid.setBoxing(boxing.checked));
    this.fold = find(element, ".fold");
    this.fold.addEventListener("click", () => this.open(this.fold.getAttribute("aria-expanded") !== "true"));
    this.resetting = find(element, ".reset");
    this.resetting.addEventListener("click", () => grid.resetViews());
    find(element, ".save").addEventListener("click", () => save(grid));
    find(element, ".copy").addEventListener("click", () => copyLink(grid));
  }

  /** @param {boolean} open */
  open(open) {
    this.fold.setAttribute("aria-expanded", String(open));
    find(this.element, ".toolbar").hidden = !open;
  }

  /** Switch on the views that a link asks for. @param {string[]} modes */
  switchOn(modes) {
    const names = { swipe: ".swiping", difference: ".differing", sorting: ".sorting", box: ".boxing" };
    for (const [mode, name] of Object.entries(names)) {
      const control = /** @type {HTMLInputElement} */ (find(this.element, name));
      if (!modes.includes(mode) || control.checked) continue;
      control.checked = true;
      control.dispatchEvent(new Event("change"));
    }
  }

  /** Offer sorting by difference only for several photos. @param {boolean} several */
  offerSorting(several) {
    /** @type {HTMLElement} */ (this.sorting.closest("label")).hidden = !several;
  }

  /** Offer the reset only while a photo is zoomed. @param {boolean} zoomed */
  offerReset(zoomed) {
    const { activeElement } = /** @type {ShadowRoot} */ (this.element.getRootNode());
    if (!zoomed && activeElement === this.resetting) this.fold.focus(); // keep the focus
    this.resetting.hidden = !zoomed;
  }

  /** @param {GridData} data */
  label({ words, options }) {
    for (const element of this.element.querySelectorAll("[data-word]")) write(element, words[element.getAttribute("data-word") ?? ""]);
    for (const element of this.element.querySelectorAll("[data-tip]")) element.setAttribute("title", words[element.getAttribute("data-tip") ?? ""]);
    for (const [name, choices] of Object.entries(options)) {
      const select = /** @type {HTMLSelectElement} */ (this.control(name));
      if (select.options.length === choices.length) continue;
      select.replaceChildren(...choices.map(([value, text]) => make("option", { value }, [text])));
    }
  }

  /** @param {string} name @returns {Control} */
  control(name) {
    return /** @type {Control} */ (this.controls.find((control) => nameOf(control) === name));
  }

  /** @param {Look} look */
  show(look) {
    for (const control of this.controls) {
      const value = look[nameOf(control)];
      if (isSwitch(control)) control.checked = value === true;
      else control.value = String(value);
      this.say(control);
    }
    const signed = look.scale === "density"; // signed maps always use the diverging palette
    this.control("palette").disabled = signed;
    find(this.element, ".why").hidden = !signed;
    write(find(this.element, ".chosen"), this.chosen(look, signed));
  }

  /** Summarise the look while its controls are folded. @param {Look} look @param {boolean} signed */
  chosen(look, signed) {
    const titles = ["scale", ...(signed ? [] : ["palette"])].map((name) => titleOf(this.control(name)));
    const set = /** @type {const} */ (["threshold", "contour"]).filter((name) => look[name] > 0);
    const values = ["opacity", ...set].map((name) => this.inWords(/** @type {HTMLInputElement} */ (this.control(name))));
    return [...titles, ...values].join(" \u00b7 ");
  }

  /** @param {HTMLInputElement} control */
  inWords(control) {
    const label = find(/** @type {Element} */ (control.closest("label")), "[data-word]").textContent;
    return `${label} ${fill(this.grid.data.words.percent, { value: control.value })}`;
  }

  /** @param {Control} control */
  read(control) {
    const value = isSwitch(control) ? control.checked : control.type === "range" ? Number(control.value) : control.value;
    this.grid.setLook({ ...this.grid.look, [nameOf(control)]: value });
  }

  /** @param {Control} control */
  say(control) {
    if (control.type !== "range") return;
    const { words } = this.grid.data;
    const off = control.value === "0" && nameOf(control) !== "opacity";
    const text = off ? words.off : fill(words.percent, { value: control.value });
    control.setAttribute("aria-valuetext", text);
    control.style.setProperty("--done", `${(100 * Number(control.value)) / Number(control.max)}%`);
    write(find(/** @type {Element} */ (control.closest("label")), ".value"), text);
  }

  /** An open list may swallow the end of a press, so a change of its value counts as one. */
  letGo() {
    this.held = false;
    this.rest();
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (this.held) this.rest();
      else this.grid.tell();
    }, REST_MS);
  }

  /** Whether the controls have changes that Python does not know yet. */
  get ahead() {
    return this.held || this.timer !== 0;
  }

  /** Update the colour legend. @param {Scaled | undefined} scaled */
  drawLegend(scaled) {
    this.legend.hidden = !scaled;
    if (!scaled) return;
    const { look, data } = this.grid;
    const apart = look.scale === "own" || look.scale === "rank"; // the ends differ between maps
    const [low, bar, high] = childrenOf(this.legend);
    write(low, apart ? data.words.weakest : typeset(general(scaled.low, 3)));
    write(high, `${apart ? data.words.strongestEnd : typeset(general(scaled.high, 3))} \u00b7 ${data.words.units[look.scale]}`);
    const colours = this.grid.palette(scaled.signed);
    this.colours = stopsOf(colours);
    bar.style.background = gradientOf(colours);
  }
}

/** A palette's colours for CSS. @param {Uint32Array} palette */
function stopsOf(palette) {
  const pixels = Array.from({ length: 33 }, (_, i) => palette[Math.min(255, 8 * i)]);
  return pixels.map((pixel) => `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`);
}

/** @param {Uint32Array} palette */
const gradientOf = (palette) => `linear-gradient(to right, ${stopsOf(palette).join(", ")})`;
