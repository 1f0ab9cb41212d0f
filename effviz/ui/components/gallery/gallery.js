/**
 * A strip of pictures that can be chosen by pointer or keyboard.
 *
 * @typedef {{name: string, title: string, src: string}} Picture
 * @param {{data: {pictures: Picture[], chosen: string[], most: number}, parentElement: ParentNode,
 *          setStateValue: (key: string, value: string[]) => void}} component
 */
export default function ({ data, parentElement, setStateValue }) {
  const strip = parentElement.querySelector(".strip");
  const chosen = toggled(data.chosen, null, data.most);
  if (strip.childElementCount !== data.pictures.length) {
    strip.replaceChildren(...data.pictures.map(button));
  }
  for (const element of strip.children) {
    const name = element.dataset.name;
    element.setAttribute("aria-pressed", String(chosen.includes(name)));
    element.onclick = () => setStateValue("chosen", toggled(chosen, name, data.most));
  }
}

/** @param {Picture} picture */
function button(picture) {
  const element = document.createElement("button");
  element.type = "button";
  element.dataset.name = picture.name;
  element.title = picture.title;
  const image = document.createElement("img");
  image.src = picture.src;
  image.alt = picture.title;
  element.append(image);
  return element;
}

/**
 * The choice after a click on `name`: taken out if it was in, else added; the oldest leaves when there are too many.
 *
 * @param {string[]} chosen @param {string | null} name @param {number} most
 */
function toggled(chosen, name, most) {
  if (name === null) return chosen.slice(-most);
  if (chosen.includes(name)) return chosen.filter((other) => other !== name);
  return [...chosen, name].slice(-most);
}
