// Python has drawn the block, and again with more room for larger words; here it gets its place, and the buttons that save it.

/** @param {string} text @returns {SVGElement} */
const parsed = (text) => /** @type {SVGElement} */ (/** @type {Element} */ (new DOMParser().parseFromString(text, "image/svg+xml").documentElement));

/** The slide's drawing is on the page for as long as it is read, which is too short to be seen. @param {Element} block @param {Data} data @param {"svg" | "png"} format */
function save(block, data, format) {
  const wide = parsed(data.wide);
  block.append(wide);
  void saveDrawing(wide, data.name, format, data.slide);
  wide.remove();
}

/** @typedef {{svg: string, wide: string, name: string, slide: Said, words: Record<string, string>}} Data */
/** @param {{data: Data, parentElement: ParentNode}} component */
export default function mount({ data, parentElement }) {
  const block = /** @type {Element} */ (parentElement.querySelector(".block"));
  block.replaceChildren(parsed(data.svg));
  for (const button of parentElement.querySelectorAll("button")) {
    const does = /** @type {"svg" | "png" | "link"} */ (button.dataset.format);
    button.title = data.words[does];
    button.setAttribute("aria-label", data.words[does]);
    if (does === "link") button.textContent = data.words.linkShort;
    button.onclick = () => (does === "link" ? void copyLink(button, "mbconv", data.words.copied) : save(block, data, does));
  }
  arrive("mbconv");
}
