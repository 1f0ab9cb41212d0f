// The networks of Fig. 2, drawn as on the Scale page; here the sliders are Streamlit's.

/** @typedef {{networks: Network[], kinds: string[], colours: string[], caption: string, name: string, key: string, slide: Said | null, words: Record<string, string>}} Data */

const SLIDE_WIDTH = 1120; // px: the drawing has the shape of a slide then

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
    this.observer = new ResizeObserver(([entry]) => {
      this.drawing.width = Math.round(entry.contentRect.width);
      this.drawing.draw(this.data.networks, this.data.words);
    });
    this.observer.observe(root);
  }

  /** @param {Data} data */
  update(data) {
    this.data = data;
    const caption = /** @type {HTMLElement} */ (this.root.querySelector("figcaption"));
    caption.textContent = data.caption;
    if (!data.slide) caption.style.margin = "0"; // no buttons follow
    for (const button of this.root.querySelectorAll("button")) {
      const does = /** @type {"svg" | "png" | "link"} */ (button.dataset.format);
      button.hidden = !data.slide;
      button.title = data.words[does];
      button.setAttribute("aria-label", data.words[does]);
      if (does === "link") button.textContent = data.words.linkShort;
      button.onclick = () => (does === "link" ? void copyLink(button, data.key, data.words.copied) : this.save(does));
    }
    this.drawing.draw(data.networks, data.words);
    arrive(data.key);
  }

  /** @param {"svg" | "png"} format */
  save(format) {
    const { networks, name, slide, words } = this.data;
    if (!slide) return;
    const width = this.drawing.width;
    this.drawing.width = SLIDE_WIDTH;
    this.drawing.draw(networks, words);
    void saveDrawing(this.svg, name, format, slide);
    this.drawing.width = width;
    this.drawing.draw(networks, words);
  }
}

/** @type {WeakMap<Element, Networks>} */
const drawn = new WeakMap();

/** @param {{data: Data, parentElement: ParentNode}} component */
export default function mount({ data, parentElement }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".networks"));
  const networks = drawn.get(root) ?? new Networks(root, data);
  drawn.set(root, networks);
  networks.update(data);
  // Streamlit also says goodbye for a call that a newer one has overtaken.
  return () => root.isConnected || networks.observer.disconnect();
}
