// The networks of Fig. 2, drawn as on the Scale page, with Streamlit's sliders.

/** @typedef {{networks: Network[], kinds: string[], colours: string[], caption: string, room: boolean} & Saved} Data room: presented to one */

const ROOM = { zoom: 1.7, stack: 200 }; // text of 12 px appears as 20 px, and the drawing is as high as a chart

class Networks {
  /** @type {Data} */ data;

  /** @param {HTMLElement} root @param {Data} data */
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.svg = /** @type {SVGElement} */ (root.querySelector("svg"));
    this.drawing = new Drawing(this.svg, data.networks[0].blocks.length, data.kinds);
    this.drawing.columns.forEach((_, i) => {
      /** @type {SVGElement} */ (this.svg.children[i]).style.setProperty("--role", data.colours[i]);
    });
    if (data.room) this.drawing.stack = ROOM.stack;
    this.observer = new ResizeObserver(([entry]) => {
      this.drawing.width = Math.round(entry.contentRect.width / (data.room ? ROOM.zoom : 1));
      this.drawing.draw(this.data.networks, this.data.words);
    });
    this.observer.observe(root);
  }

  /** @param {Data} data */
  update(data) {
    this.data = data;
    const caption = /** @type {HTMLElement} */ (this.root.querySelector("figcaption"));
    caption.textContent = data.caption;
    if (!data.slide) caption.style.margin = "0"; // no buttons below
    fillMenu(this.root, data, (format, said) => this.save(format, said));
    this.drawing.draw(data.networks, data.words);
  }

  /** @param {"svg" | "png"} format @param {Said} said */
  save(format, said) {
    const { networks, name, words } = this.data;
    this.drawing.widened(() => this.drawing.draw(networks, words), () => saveDrawing(this.svg, name, format, said));
  }
}

/** @param {{data: [Data], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".networks"));
  const networks = instanceOf(root, () => new Networks(root, data));
  return showNewest(root, () => networks.update(data), () => networks.observer.disconnect());
}
