// Pictures to choose from by pointer or keyboard: Tab reaches one of them, the arrow keys the others.

/**
 * @typedef {{name: string, title: string, src: string}} Picture
 * @typedef {{pictures: Picture[], chosen: string[], move: number, most: number, label: string, remove: string}} Data
 * @typedef {(key: string, value: unknown) => void} Send
 */

class Gallery {
  /** @type {Data} */ data;
  /** @type {Send} */ setStateValue;
  /** @type {Send} */ setTriggerValue;
  /** @type {string[]} */ chosen = []; // the newest last
  offered = ""; // names of the pictures shown

  /** @param {HTMLElement} strip */
  constructor(strip) {
    this.strip = strip;
    this.sender = new Sender(strip, (told) => this.setStateValue("chosen", told));
    strip.addEventListener("keydown", (event) => move(strip, event));
  }

  /** Python ran again. @param {Data} data @param {Send} setStateValue @param {Send} setTriggerValue */
  update(data, setStateValue, setTriggerValue) {
    Object.assign(this, { data, setStateValue, setTriggerValue });
    const { strip } = this;
    // An answer to an older click must not undo a newer one.
    if (this.sender.hear(data.move)) this.chosen = data.chosen.slice(-data.most);
    strip.setAttribute("aria-label", data.label);
    const offered = data.pictures.map(({ name }) => name).join("\n");
    if (offered !== this.offered) this.offer(data.pictures);
    this.offered = offered;
    this.mark();
    if (!strip.querySelector('[tabindex="0"]')) rove(strip, strip.querySelector('[aria-pressed="true"]') ?? buttonsOf(strip)[0]);
  }

  /** Replace the pictures; if one had the focus, the first new one gets it. @param {Picture[]} pictures */
  offer(pictures) {
    const { strip } = this;
    const focused = strip.contains(/** @type {ShadowRoot} */ (strip.getRootNode()).activeElement ?? null);
    strip.replaceChildren(...pictures.map((picture) => (this.data.remove ? this.removable(picture) : this.button(picture))));
    if (focused) buttonsOf(strip)[0]?.focus();
  }

  /** A picture with a cross; on the picture, the Delete key does the same. @param {Picture} picture */
  removable(picture) {
    const cross = document.createElement("button");
    cross.type = "button";
    cross.className = "cross";
    cross.textContent = "\u00d7";
    cross.title = this.data.remove.replace("{title}", picture.title);
    cross.setAttribute("aria-label", cross.title);
    const remove = () => this.setTriggerValue("removed", picture.name);
    cross.addEventListener("click", remove);
    const button = this.button(picture);
    button.addEventListener("keydown", (event) => event.key === "Delete" && remove());
    const both = document.createElement("span");
    both.className = "own";
    both.append(button, cross);
    return both;
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

  /** Toggle a picture; if too many are chosen, the oldest is dropped. @param {string} name */
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
const buttonsOf = (strip) => /** @type {HTMLElement[]} */ ([...strip.querySelectorAll("button:not(.cross)")]);

/** @param {HTMLElement} strip @param {Element | null} reached by Tab from now on */
function rove(strip, reached) {
  for (const element of buttonsOf(strip)) element.tabIndex = element === reached ? 0 : -1;
}

/** Move the focus to the next picture, the last one, or the one above or below. @param {HTMLElement} strip @param {KeyboardEvent} event */
function move(strip, event) {
  const buttons = buttonsOf(strip);
  const now = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
  const edges = buttons.map((button) => button.getBoundingClientRect());
  const row = edges.filter(({ top }) => top === edges[0].top).length;
  const column = edges.filter(({ left }) => left === edges[0].left).length;
  const sideways = edges[1]?.top !== edges[0].top; // in columns, as on a phone
  const [right, down] = sideways ? [column, 1] : [1, row];
  /** @type {Record<string, number>} */
  const places = { ArrowRight: now + right, ArrowLeft: now - right, ArrowDown: now + down, ArrowUp: now - down, Home: 0, End: buttons.length - 1 };
  const next = places[event.key];
  if (next === undefined) return;
  event.preventDefault();
  buttons[next]?.focus();
}

/** Streamlit calls this after every run whose data changed. @param {{data: [Data], parentElement: ParentNode, setStateValue: Send, setTriggerValue: Send}} component */
export default function mount({ data: [data], parentElement, setStateValue, setTriggerValue }) {
  const strip = /** @type {HTMLElement} */ (parentElement.querySelector(".strip"));
  const gallery = instanceOf(strip, () => new Gallery(strip));
  return showNewest(strip, () => gallery.update(data, setStateValue, setTriggerValue));
}
