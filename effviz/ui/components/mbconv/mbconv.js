// Shows the block that Python has drawn, in a normal and a wide version, with buttons that save it.

/** @param {string} text @returns {SVGElement} */
const parsed = (text) => /** @type {SVGElement} */ (/** @type {Element} */ (new DOMParser().parseFromString(text, "image/svg+xml").documentElement));

/** Put the slide's drawing on the page only while it is read, too briefly to be seen. @param {Element} block @param {Data} data @param {"svg" | "png"} format @param {Said} said */
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
