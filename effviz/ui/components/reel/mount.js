// The entry point of the sequence for Streamlit.

/** Streamlit calls this after every run whose data changed. @param {{data: [ReelData], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".reel"));
  const reel = instanceOf(root, () => new Reel(root));
  return showNewest(root, () => reel.update(data), () => reel.close());
}
