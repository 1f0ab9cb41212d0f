// Pictures that can be chosen by pointer or keyboard: Tab reaches one of them, the arrows the others.

/**
 * @typedef {{name: string, title: string, src: string}} Picture
 * @typedef {{pictures: Picture[], chosen: string[], move: number, most: number, label: string}} Data
 * @typedef {(key: string, value: unknown) => void} Send
 */

class Gallery {
  /** @type {Data} */ data;
  /** @type {Send} */ setStateValue;
  /** @type {string[]} */ chosen = []; // the newest last

  /** @param {HTMLElement} strip */
  constructor(strip) {
    this.strip = strip;
    this.sender = new Sender(strip, (told) => this.setStateValue("chosen", told));
    strip.addEventListener("keydown", (event) => move(strip, event));
  }

  /** Python ran again. @param {Data} data @param {Send} setStateValue */
  update(data, setStateValue) {
    Object.assign(this, { data, setStateValue });
    const { strip } = this;
    // An answer to an older click must not take back a newer one.
    if (this.sender.hear(data.move)) this.chosen = data.chosen.slice(-data.most);
    strip.setAttribute("aria-label", data.label);
    if (strip.childElementCount !== data.pictures.length) strip.replaceChildren(...data.pictures.map((picture) => this.button(picture)));
    this.mark();
    if (!strip.querySelector('[tabindex="0"]')) rove(strip, strip.querySelector('[aria-pressed="true"]') ?? strip.firstElementChild);
  }

  /** @param {Picture} picture */
  button(picture) {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.name = picture.name;
    element.title = picture.title;
    const image = document.createElement("img");
    image.src = picture.src;
    image.alt = picture.title;
    element.append(image);
    element.addEventListener("click", () => this.toggle(picture.name));
    element.addEventListener("focus", () => rove(this.strip, element));
    return element;
  }

  /** Out if it was in, else in; the oldest leaves when there are too many. @param {string} name */
  toggle(name) {
    const others = this.chosen.filter((other) => other !== name);
    this.chosen = others.length < this.chosen.length ? others : [...others, name].slice(-this.data.most);
    this.mark();
    this.sender.tell(this.chosen);
  }

  mark() {
    for (const element of buttonsOf(this.strip)) {
      element.setAttribute("aria-pressed", String(this.chosen.includes(element.dataset.name ?? "")));
    }
  }
}

/** @param {HTMLElement} strip */
const buttonsOf = (strip) => /** @type {HTMLElement[]} */ ([...strip.children]);

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

/** @type {WeakMap<Element, Gallery>} */
const galleries = new WeakMap();

/** Streamlit calls this after every run whose data changed. @param {{data: Data, parentElement: ParentNode, setStateValue: Send}} component */
export default function mount({ data, parentElement, setStateValue }) {
  const strip = /** @type {HTMLElement} */ (parentElement.querySelector(".strip"));
  const gallery = galleries.get(strip) ?? new Gallery(strip);
  galleries.set(strip, gallery);
  gallery.update(data, setStateValue);
}
