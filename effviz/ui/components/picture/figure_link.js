// The link to a figure: the current address with the figure's key.

/** @param {HTMLButtonElement} button @param {string} figure @param {string} done */
async function copyLink(button, figure, done) {
  await navigator.clipboard.writeText(`${location.href.split("#")[0]}#${figure}`);
  button.textContent = done;
}

/** Scroll to a link's figure once: Streamlit draws the page after the browser has looked for the anchor. */
let arrived = "";

/** @param {string} figure */
function arrive(figure) {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted !== figure || arrived === wanted) return;
  arrived = wanted;
  document.querySelector(`.st-key-${CSS.escape(figure)}`)?.scrollIntoView();
}
