// What changes while the maps stay: the look in force, and the answer about a cell. It is passed on to the grid.

/** @type {{data: News} | null} the newest; null when the page has none any more */
let latest = null;
const tell = () => latest && dispatchEvent(new CustomEvent(NEWS, { detail: latest.data }));
addEventListener(NEWS_WANTED, tell);

/** @param {{data: News}} component */
export default function mount({ data }) {
  const mine = { data };
  latest = mine;
  tell();
  return () => {
    if (latest === mine) latest = null;
  };
}
