// What changes while the rest of a component's data stays: an element of its own, which passes it on. The names of the
// events are those of its component's channel.js.

/** @type {{data: unknown} | null} the newest; null when the page has none any more */
let latest = null;
const tell = () => latest && dispatchEvent(new CustomEvent(NEWS, { detail: latest.data }));
addEventListener(NEWS_WANTED, tell);

/** @param {{data: [unknown]}} component */
export default function mount({ data: [data] }) {
  const mine = { data };
  latest = mine;
  tell();
  return () => {
    if (latest === mine) latest = null;
  };
}
