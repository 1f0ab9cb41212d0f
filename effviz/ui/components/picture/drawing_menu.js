// The buttons below a drawing that save it as a slide.

/** @typedef {{key: string, name: string, slide: Said | null, csv: string, words: Record<string, string>}} Saved a drawing's key, its file name, the slide's texts if it can be saved, and its numbers if no table beside it has them */

/** @param {Element} menu @param {Saved} saved @param {(format: "svg" | "png", said: Said) => void} save */
function fillMenu(menu, { key, name, slide, csv, words }, save) {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (menu.querySelectorAll("button[data-format]"))) {
    const does = /** @type {"svg" | "png" | "link" | "csv"} */ (button.dataset.format);
    Object.assign(button, { title: words[does], hidden: !slide || (does === "csv" && !csv) });
    button.setAttribute("aria-label", words[does]);
    if (does === "link") button.textContent = words.linkShort;
    button.onclick = () => {
      if (does === "link") void copyLink(button, key, words.copied);
      else if (does === "csv") download(`data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`, `${name}.csv`);
      else if (slide) save(does, slide);
    };
  }
  if (slide) arrive(key);
}

