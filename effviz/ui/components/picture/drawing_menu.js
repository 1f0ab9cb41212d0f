// The buttons below a drawing, which is saved as a slide.

/** @typedef {{key: string, name: string, slide: Said | null, words: Record<string, string>}} Saved a drawing's key, its file's name, and a slide's words, if it can be saved */

/** @param {Element} menu @param {Saved} saved @param {(format: "svg" | "png", said: Said) => void} save */
function fillMenu(menu, { key, slide, words }, save) {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (menu.querySelectorAll("button[data-format]"))) {
    const does = /** @type {"svg" | "png" | "link"} */ (button.dataset.format);
    Object.assign(button, { title: words[does], hidden: !slide });
    button.setAttribute("aria-label", words[does]);
    if (does === "link") button.textContent = words.linkShort;
    button.onclick = () => (does === "link" ? void copyLink(button, key, words.copied) : slide && save(does, slide));
  }
  if (slide) arrive(key);
}

