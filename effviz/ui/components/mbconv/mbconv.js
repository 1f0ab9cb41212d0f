// Python has drawn the block; here it only gets its place, and the buttons that save it.

/** @param {{data: {svg: string, name: string, words: Record<string, string>}, parentElement: ParentNode}} component */
export default function mount({ data, parentElement }) {
  const parsed = new DOMParser().parseFromString(data.svg, "image/svg+xml");
  const svg = /** @type {SVGElement} */ (/** @type {Element} */ (parsed.documentElement));
  parentElement.querySelector(".block")?.replaceChildren(svg);
  for (const button of parentElement.querySelectorAll("button")) {
    const format = /** @type {"svg" | "png"} */ (button.dataset.format);
    button.setAttribute("aria-label", data.words[format]);
    button.onclick = () => saveDrawing(svg, data.name, format);
  }
}
