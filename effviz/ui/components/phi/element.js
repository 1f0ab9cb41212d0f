// The live phi slider. Python computes a row for every step of phi; this script only looks rows up and draws them.

/**
 * @typedef {{least: number, step: number, baseline: Network, rows: Network[], rule: number[],
 *   published: Network[], nearest: number[], value: number, move: number, variant: "full" | "compact", colour: string,
 *   words: Record<string, string>} & Saved} Data
 *   rule: the rule's own growth of MACs; nearest: index into `published`
 * @typedef {(name: string, value: unknown) => void} Send
 */

class PhiSlider {
  /** @type {Data} */ data;
  /** @type {Send} */ setStateValue;
  /** @type {Send} */ setTriggerValue;
  ruler = ""; // the state that the ruler was drawn for

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.range = /** @type {HTMLInputElement} */ (root.querySelector("input"));
    this.add = /** @type {HTMLButtonElement} */ (root.querySelector(".add"));
    this.shown = new Map();
    for (const element of root.querySelectorAll("[data-show]")) this.shown.set(element.getAttribute("data-show"), element);
    const svg = /** @type {SVGElement} */ (root.querySelector("svg"));
    this.drawing = new Drawing(svg, 8, ["baseline", "current", "published"]);
    this.dragging = false;
    this.sender = new Sender(root, (told) => this.setStateValue("phi", told));
    this.range.addEventListener("input", () => this.move());
    this.range.addEventListener("change", () => this.release());
    this.add.addEventListener("click", () => this.setTriggerValue("add", this.nearest().name));
    this.observer = new ResizeObserver(([entry]) => this.resize(entry.contentRect.width));
    this.observer.observe(/** @type {Element} */ (root.querySelector(".drawing")));
  }

  /** Python ran again. @param {Data} data @param {Send} setStateValue @param {Send} setTriggerValue */
  update(data, setStateValue, setTriggerValue) {
    Object.assign(this, { data, setStateValue, setTriggerValue });
    this.root.classList.toggle("compact", data.variant === "compact");
    Object.assign(this.range, { min: "0", max: String(data.rows.length - 1), step: "1" });
    this.root.style.setProperty("--compound", data.colour);
    this.name();
    fillMenu(this.root, data, (format, said) => this.save(format, said));
    this.drawRuler();
    // An answer to an older move must not pull the thumb back from its current position.
    if (this.sender.hear(data.move) && !this.dragging) {
      this.range.value = String(Math.round((data.value - data.least) / data.step));
    }
    this.draw();
  }

  /** @param {"svg" | "png"} format @param {Said} said */
  save(format, said) {
    const svg = /** @type {SVGElement} */ (this.root.querySelector("svg"));
    this.drawing.widened(() => this.draw(), () => saveDrawing(svg, this.data.name, format, said));
  }

  /** Write the texts that do not change with phi. */
  name() {
    const { baseline, words } = this.data;
    for (const element of this.root.querySelectorAll("[data-word]")) element.textContent = words[element.getAttribute("data-word") ?? ""];
    this.root.querySelector("figcaption")?.replaceChildren(...rich(fill(words.caption, { baseline: baseline.name })));
  }

  move() {
    this.dragging = true;
    this.draw();
  }

  release() {
    this.dragging = false;
    this.sender.tell(this.phi());
  }

  /** @param {number} width px */
  resize(width) {
    this.drawing.width = Math.round(width);
    if (this.data) this.draw();
  }

  /** @returns {number} rounded, so that 0.30000000000000004 is 0.3 */
  phi() {
    return Math.round((this.data.least + this.row() * this.data.step) * 100) / 100;
  }

  row() {
    return Number(this.range.value);
  }

  nearest() {
    return this.data.published[this.data.nearest[this.row()]];
  }

  draw() {
    const { baseline, rows, rule, words } = this.data;
    const current = { ...rows[this.row()], name: `\u03c6 = ${decimals(this.phi())}` };
    const published = this.nearest();
    this.write(current, baseline, rule[this.row()]);
    const nearest = { name: published.name, macs: amount(published.macs), px: published.resolution };
    const near = this.shown.get("nearest");
    const sentence = fill(words.nearest, nearest);
    if (near.dataset.said !== sentence) near.replaceChildren(...rich(sentence));
    near.dataset.said = sentence;
    write(this.add, fill(words.add, nearest));
    this.range.style.setProperty("--done", `${(100 * this.row()) / (rows.length - 1)}%`);
    this.range.setAttribute(
      "aria-valuetext",
      fill(words.value, {
        phi: decimals(this.phi()),
        depth: decimals(current.depth),
        width: decimals(current.width),
        px: current.resolution,
        params: amount(current.params),
        macs: amount(current.macs),
      }),
    );
    if (this.data.variant === "full") {
      const named = (/** @type {Network} */ network, /** @type {string} */ role) => ({ ...network, name: fill(role, { name: network.name }) });
      this.drawing.draw([named(baseline, words.baseline), current, named(published, words.published)], words);
    }
  }

  /** @param {Network} current @param {Network} baseline @param {number} rule */
  write(current, baseline, rule) {
    const blocks = (/** @type {Network} */ network) => network.blocks.slice(1).reduce((sum, count) => sum + count, 0);
    this.show("phi", decimals(this.phi()));
    const { words } = this.data;
    const was = (/** @type {number | string} */ value) => fill(words.was, { baseline: baseline.name, value });
    this.show("depth", `\u00d7${decimals(current.depth)}`);
    this.show("width", `\u00d7${decimals(current.width)}`);
    this.show("resolution", `${current.resolution} px`);
    this.show("resolutionNote", was(`${baseline.resolution} px`));
    this.show("blocks", String(blocks(current)));
    this.show("blocksNote", was(blocks(baseline)));
    this.show("params", amount(current.params));
    this.show("paramsNote", fill(words.times, { times: times(current.params, baseline.params), baseline: baseline.name }));
    this.show("macs", amount(current.macs));
    const grown = { times: times(current.macs, baseline.macs), baseline: baseline.name, rule: `\u00d7${decimals(rule)}` };
    this.show("macsNote", fill(words.timesMacs, grown));
    this.show("map", `${current.map} \u00d7 ${current.map}`);
    this.show("mapNote", was(`${baseline.map} \u00d7 ${baseline.map}`));
  }

  /** @param {string} name @param {string} text */
  show(name, text) {
    write(this.shown.get(name), text);
  }

  /** Show the nearest published network along the slider. */
  drawRuler() {
    const { nearest, published } = this.data;
    const key = nearest.join();
    if (key === this.ruler) return;
    this.ruler = key;
    const spans = published.map((network, position) => {
      const span = document.createElement("span");
      span.textContent = position === 0 ? network.name : network.name.replace("Lite", ""); // the segments are short
      span.style.flexGrow = String(nearest.filter((other) => other === position).length);
      return span;
    });
    const ruler = /** @type {Element} */ (this.root.querySelector(".ruler"));
    ruler.replaceChildren(...spans.filter((span) => span.style.flexGrow !== "0"));
  }
}

/** Streamlit calls this after every run whose data changed. @param {{data: [Data], parentElement: ParentNode, setStateValue: Send, setTriggerValue: Send}} component */
export default function mount({ data: [data], parentElement, setStateValue, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".phi"));
  const slider = instanceOf(root, () => new PhiSlider(root));
  return showNewest(root, () => slider.update(data, setStateValue, setTriggerValue), () => slider.observer.disconnect());
}
