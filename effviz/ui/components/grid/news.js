// What changes while the maps stay: the look in force, and the answer about a cell. It is passed on to the grid.

/** @param {{data: News}} component */
export default function mount({ data }) {
  const tell = () => dispatchEvent(new CustomEvent(NEWS, { detail: data }));
  addEventListener(NEWS_WANTED, tell);
  tell();
  return () => removeEventListener(NEWS_WANTED, tell);
}
