// The door of the sequence: Streamlit asks for it by this one function.

/** Streamlit calls this after every run whose data changed. @param {{data: [ReelData], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".reel"));
  const reel = instanceOf(root, () => new Reel(root));
  return showNewest(root, () => reel.update(data), () => reel.close());
}
