// Python has drawn the block, and again with more room for larger words; here it gets its place, and the buttons that save it.

/** @param {string} text @returns {SVGElement} */
const parsed = (text) => /** @type {SVGElement} */ (/** @type {Element} */ (new DOMParser().parseFromString(text, "image/svg+xml").documentElement));

/** The slide's drawing is on the page for as long as it is read, which is too short to be seen. @param {Element} block @param {Data} data @param {"svg" | "png"} format @param {Said} said */
function save(block, data, format, said) {
  const wide = parsed(data.wide);
  block.append(wide);
  void saveDrawing(wide, data.name, format, said);
  wide.remove();
}

/** @typedef {{svg: string, wide: string} & Saved} Data */
/** @param {{data: [Data], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  const block = /** @type {Element} */ (parentElement.querySelector(".block"));
  block.replaceChildren(parsed(data.svg));
  fillMenu(/** @type {Element} */ (block.parentElement), data, (format, said) => save(block, data, format, said));
}
