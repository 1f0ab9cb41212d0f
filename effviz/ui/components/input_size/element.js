// The live input-size slider of one network. One request is in flight at a time; it asks for the current size, then for
// nearby ones, and Python answers as many as are quick. Sizes that were answered before are drawn at once.

/**
 * @typedef {{px: number, macs: string, cells: string, note: string}} SizeFacts what is known about a size before any pass
 * @typedef {{id: string, sizes: SizeFacts[], trained: {px: number, label: string}, photo: string, look: Look, palettes: Record<string, string>,
 *   words: Record<string, string>}} SizeData id: of the network, the photo and the class; palettes: the chosen and the diverging one
 * @typedef {{px: number, alt: string, ms: string, place: Place, map: Packed, guesses: {text: string, explained: boolean}[]}} SizeAnswer
 * @typedef {{id: string, px: number, move: number, answers: SizeAnswer[], error: string}} SizeNews move: the last move that Python has received
 */

const DRAWN_PX = 448; // the canvas's longer side

class InputSize {
  /** @type {SizeData} */ data;
  /** @type {PhotoSizes} */ photo;
  /** @type {(name: string, value: unknown) => void} */ setStateValue;
  /** @type {SizeAnswer | null} */ drawn = null;
  /** @type {Map<number, SizeAnswer>} by size */
  answers = new Map();
  wanted = 0; // px, the slider's position
  under = 0; // px, the size requested now; 0 if none

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.range = /** @type {HTMLInputElement} */ (find(root, "input"));
    this.canvas = /** @type {HTMLCanvasElement} */ (find(root, "canvas"));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.painter = new Painter();
    this.sender = new Sender(root, (told) => this.setStateValue("size", told));
    this.range.addEventListener("input", () => this.want(this.data.sizes[Number(this.range.value)].px));
    this.hear = (/** @type {Event} */ event) => this.learn(/** @type {CustomEvent<SizeNews>} */ (event).detail);
  }

  /** @param {SizeData} data @param {(name: string, value: unknown) => void} setStateValue */
  update(data, setStateValue) {
    if (data.id !== this.data?.id) {
      this.answers.clear();
      this.drawn = null;
      this.under = this.wanted = 0;
      this.photo = new PhotoSizes(data.photo, () => this.draw());
    }
    Object.assign(this, { data, setStateValue });
    const { sizes, trained, words } = data;
    for (const element of this.root.querySelectorAll("[data-word]")) write(element, words[element.getAttribute("data-word") ?? ""]);
    this.range.max = String(sizes.length - 1);
    const [least, most] = [sizes[0].px, sizes[sizes.length - 1].px];
    const mark = find(this.root, ".trained");
    write(mark, trained.label);
    mark.style.left = `${(100 * clip(trained.px - least, 0, most - least)) / (most - least)}%`;
    addEventListener(NEWS, this.hear);
    dispatchEvent(new Event(NEWS_WANTED));
  }

  /** @param {SizeNews} news */
  learn({ id, px, move, answers, error }) {
    if (id !== this.data.id) return;
    for (const answer of answers) this.answers.set(answer.px, answer);
    if (!this.sender.hear(move)) return;
    write(find(this.root, ".error"), error);
    if (this.wanted === 0) this.wanted = px; // afterwards the slider's position counts, and no size is requested twice
    this.under = 0;
    this.show();
    if (!error && this.wanted !== px) this.ask();
  }

  /** @param {number} px */
  want(px) {
    this.wanted = px;
    this.show();
    if (!this.under) this.ask();
  }

  /** The newest request first; sizes that the slider has left come last. */
  ask() {
    if (this.answers.has(this.wanted)) return;
    this.under = this.wanted;
    const unknown = this.data.sizes.map(({ px }) => px).filter((px) => !this.answers.has(px));
    this.sender.tell(unknown.sort((a, b) => Math.abs(a - this.wanted) - Math.abs(b - this.wanted)));
  }

  /** @param {number} px */
  factsOf(px) {
    return /** @type {SizeFacts} */ (this.data.sizes.find((facts) => facts.px === px));
  }

  show() {
    const { words, sizes } = this.data;
    const wanted = this.factsOf(this.wanted);
    if (!wanted) return;
    this.range.value = String(sizes.indexOf(wanted));
    this.range.style.setProperty("--done", `${(100 * sizes.indexOf(wanted)) / (sizes.length - 1)}%`);
    this.range.setAttribute("aria-valuetext", fill(words.value, { ...wanted }));
    write(find(this.root, "output"), fill(words.pixels, { px: wanted.px }));
    write(find(this.root, ".note"), wanted.note);
    this.drawn = this.answers.get(this.wanted) ?? this.drawn;
    this.root.classList.toggle("waiting", this.drawn?.px !== this.wanted);
    if (this.drawn) this.describe(this.drawn);
    this.draw();
  }

  /** Everything beside the map describes the size of the shown map, even while another one is requested. @param {SizeAnswer} answer */
  describe(answer) {
    const { words } = this.data;
    const { px, macs, cells } = this.factsOf(answer.px);
    write(find(this.root, ".at"), fill(words.at, { px }));
    const facts = [[words.macs, macs], [words.cells, cells], [words.ms, answer.ms]];
    find(this.root, "dl").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, [name]), make("dd", {}, [value])]));
    const guesses = answer.guesses.map(({ text, explained }) => make("li", explained ? { class: "explained" } : {}, [text]));
    find(this.root, "ol").replaceChildren(...guesses);
    this.canvas.setAttribute("aria-label", answer.alt);
  }

  draw() {
    const { drawn, data, photo } = this;
    if (!drawn || !photo.loaded) return;
    const [width, height] = drawn.place.size;
    const scale = DRAWN_PX / Math.max(width, height);
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    if (this.canvas.width !== size.width || this.canvas.height !== size.height) Object.assign(this.canvas, size);
    const window = { left: 0, top: 0, fullWidth: size.width, fullHeight: size.height, ...size };
    const [scaled] = rescale(unpack(drawn.map), data.look.scale);
    const palette = pixelsOf(bytesOf(data.palettes[scaled.signed ? "diverging" : "chosen"]));
    this.painter.update(scaled, drawn.place, data.look, window, palette, `${data.id} ${drawn.px} ${data.look.scale}`);
    this.painter.compose(this.context, photo.at(window), data.look.opacity / 100);
    this.canvas.dataset.drawn = String(Number(this.canvas.dataset.drawn) + 1);
    Object.assign(this.root.dataset, { shown: String(drawn.px), known: String(this.answers.size) });
  }

  close() {
    removeEventListener(NEWS, this.hear);
  }
}

/** Streamlit calls this after every run whose data changed. @param {{data: [SizeData], parentElement: ParentNode, setStateValue: (name: string, value: unknown) => void}} component */
export default function mount({ data: [data], parentElement, setStateValue }) {
  const root = find(parentElement, ".input-size");
  const slider = instanceOf(root, () => new InputSize(root));
  return showNewest(root, () => slider.update(data, setStateValue), () => slider.close());
}
