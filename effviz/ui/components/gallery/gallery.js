/**
 * Pictures that can be chosen by pointer or keyboard: Tab reaches one of them, the arrows the others.
 *
 * @typedef {{name: string, title: string, src: string}} Picture
 * @param {{data: {pictures: Picture[], chosen: string[], most: number, label: string}, parentElement: ParentNode,
 *          setStateValue: (key: string, value: string[]) => void}} component
 */
export default function ({ data, parentElement, setStateValue }) {
  const strip = /** @type {HTMLElement} */ (parentElement.querySelector(".strip"));
  const chosen = toggled(data.chosen, null, data.most);
  strip.setAttribute("aria-label", data.label);
  strip.onkeydown = (event) => move(strip, event);
  if (strip.childElementCount !== data.pictures.length) {
    strip.replaceChildren(...data.pictures.map(button));
  }
  for (const element of buttonsOf(strip)) {
    const name = element.dataset.name ?? "";
    element.setAttribute("aria-pressed", String(chosen.includes(name)));
    element.onclick = () => setStateValue("chosen", toggled(chosen, name, data.most));
    element.onfocus = () => rove(strip, element);
  }
  if (!strip.querySelector('[tabindex="0"]')) rove(strip, strip.querySelector('[aria-pressed="true"]') ?? strip.firstElementChild);
}

/** @param {HTMLElement} strip */
const buttonsOf = (strip) => /** @type {HTMLElement[]} */ ([...strip.children]);

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

/** @param {HTMLElement} strip @param {Element | null} reached by Tab from now on */
function rove(strip, reached) {
  for (const element of buttonsOf(strip)) element.tabIndex = element === reached ? 0 : -1;
}

/** To the next picture, the last one, or the one above or below. @param {HTMLElement} strip @param {KeyboardEvent} event */
function move(strip, event) {
  const buttons = buttonsOf(strip);
  const now = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
  const row = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
  const column = buttons.filter((button) => button.offsetLeft === buttons[0].offsetLeft).length;
  const sideways = buttons[1]?.offsetTop !== buttons[0].offsetTop; // in columns, as on a phone
  const [right, down] = sideways ? [column, 1] : [1, row];
  /** @type {Record<string, number>} */
  const places = { ArrowRight: now + right, ArrowLeft: now - right, ArrowDown: now + down, ArrowUp: now - down, Home: 0, End: buttons.length - 1 };
  const next = places[event.key];
  if (next === undefined) return;
  event.preventDefault();
  buttons[next]?.focus();
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
