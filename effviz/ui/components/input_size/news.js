// What changes with every size: it is passed on to the slider.

/** @type {{data: object} | null} the newest; null when the page has none any more */
let latest = null;
const tell = () => latest && dispatchEvent(new CustomEvent(NEWS, { detail: latest.data }));
addEventListener(NEWS_WANTED, tell);

/** @param {{data: object}} component */
export default function mount({ data }) {
  const mine = { data };
  latest = mine;
  tell();
  return () => {
    if (latest === mine) latest = null;
  };
}
