// Keyboard shortcuts of the lesson: each presses a button of the page, so that keyboard and mouse do the same.

/** @typedef {{presses: Record<string, string>, fullScreen: boolean, prints: string, topOf: string}} Data presses: from keyboard keys to button keys */

const BACK = "the page before";

/** Elements with their own use of arrow keys, which must not turn the page there. */
const OWN_ARROWS = 'input, textarea, select, [contenteditable="true"], [role="slider"], [role="combobox"], [role="listbox"], [role="radiogroup"], [role="grid"]';

/** @param {string} key of a button @returns {HTMLButtonElement | null} */
const button = (key) => document.querySelector(`.st-key-${CSS.escape(key)} button`);

const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());

/** The last `topOf`: a new value scrolls the page to its top. */
let shown = "";

/** @param {{data: [Data], parentElement: ParentNode}} component */
export default function mount({ data: [data], parentElement }) {
  if (shown && shown !== data.topOf) document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0 });
  shown = data.topOf;
  /** @param {KeyboardEvent} event */
  const pressed = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest(OWN_ARROWS)) return;
    if (data.fullScreen && event.key.toLowerCase() === "f") void fullScreen();
    else if (data.presses[event.key] === BACK) history.back();
    else button(data.presses[event.key] ?? "")?.click();
  };
  /** @param {MouseEvent} event */
  const clicked = (event) => {
    if (data.prints && event.target instanceof Element && event.target.closest(`.st-key-${CSS.escape(data.prints)} button`)) window.print();
  };
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked);
  const mark = parentElement.querySelector("span");
  if (mark) mark.dataset.heard = data.topOf; // tests wait for it
  return () => {
    document.removeEventListener("keydown", pressed);
    document.removeEventListener("click", clicked);
  };
}
