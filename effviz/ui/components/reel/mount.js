// The door of the sequence: Streamlit asks for it by this one function.

/** @type {WeakMap<Element, Reel>} */
const reels = new WeakMap();

/** Streamlit calls this after every run whose data changed. @param {{data: [ReelData], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".reel"));
  const reel = reels.get(root) ?? new Reel(root);
  reels.set(root, reel);
  return showNewest(root, () => reel.update(data), () => reel.close());
}
