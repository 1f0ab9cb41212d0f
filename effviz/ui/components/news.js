// A separate element for data that changes while the rest of a component's data stays the same; it passes the data on.
// The event names are defined in its component's channel.js.

/** @type {{data: unknown}[]} Streamlit's calls that are not cleaned up yet, the newest last (see newest.js) */
let calls = [];
const tell = () => calls.length && dispatchEvent(new CustomEvent(NEWS, { detail: calls[calls.length - 1].data }));
addEventListener(NEWS_WANTED, tell);

/** @param {{data: [unknown]}} component */
export default function mount({ data: [data] }) {
  const call = { data };
  calls.push(call);
  tell();
  return () => {
    const wasLast = calls.at(-1) === call;
    calls = calls.filter((other) => other !== call);
    if (wasLast) tell();
  };
}
