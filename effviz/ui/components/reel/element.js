// A sequence of pictures with a slider and a play button. Python sends all data once.

/**
 * @typedef {{kind: "melting" | "masked", label: string, said: string[], ways: {name: string, title: string}[],
 *   chart: string, places: number[], start: number, pace: number, panels: PanelData[], look?: any, palette?: string,
 *   words: Record<string, string>}} ReelData
 *   said: one sentence per frame; places: position of each frame on the chart; pace: ms per frame
 * @typedef {{title: string, colour: string, lines: Record<string, string[]>} & MeltingData & MaskedData} PanelData
 *   lines: for each way ("" if there is only one) the text under each frame; the other fields depend on the kind
 */

/** @typedef {{data: PanelData, canvas: HTMLCanvasElement, line: HTMLElement, figure: HTMLElement, drawing: {draw: (at: number, way: string) => boolean}}} Panel */

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
const SETTLE = 70; // ms in which most of a transition is done
const CALM = 1000; // ms per frame with reduced motion

class Reel {
  /** @type {ReelData} */ data;
  /** @type {Panel[]} */ panels = [];
  /** @type {number | undefined} */ painted; // ms
  received = "";
  way = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector));
    this.box = part(".panels");
    this.ways = part(".ways");
    this.said = part(".said");
    this.label = part(".label");
    this.range = /** @type {HTMLInputElement} */ (part("input"));
    this.button = part(".play");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.playhead = new Playhead(root);
    this.playing = /** @type {number | null} */ (null);
    this.waiting = /** @type {number | null} */ (null);
    this.at = 0; // the position drawn, on its way to the slider's
    this.button.addEventListener("click", () => this.setPlaying(this.playing === null));
    this.range.addEventListener("input", () => this.setFrame(this.frame, true));
    this.range.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.setPlaying(this.playing === null);
    });
  }

  /** The frame at the slider's position. */
  get frame() {
    return Number(this.range.value);
  }

  /** @param {ReelData} data */
  update(data) {
    const text = JSON.stringify(data);
    if (text === this.received) {
      this.repaint();
      return;
    }
    this.received = text;
    this.setPlaying(false);
    const same = this.data && JSON.stringify(this.data.said) === JSON.stringify(data.said); // only the look or the masking changed
    const frame = same ? this.frame : data.start;
    this.data = data;
    this.way = data.ways.find((way) => way.name === this.way)?.name ?? data.ways[0]?.name ?? "";
    this.range.max = String(data.said.length - 1);
    this.label.textContent = data.label;
    this.panels = data.panels.map((panel) => this.panel(panel));
    this.box.replaceChildren(...this.panels.map((panel) => panel.figure));
    this.updateWays();
    this.at = frame;
    this.setFrame(frame, true);
  }

  /** @param {PanelData} data @returns {Panel} */
  panel(data) {
    const canvas = make("canvas", { role: "img", "data-drawn": "0" });
    const line = make("div");
    const title = make("b", {}, [data.title]);
    title.style.setProperty("--role", data.colour);
    const figure = make("figure", {}, [canvas, make("figcaption", {}, [title, line])]);
    const kind = this.data.kind === "melting" ? Melting : Masked;
    return { data, canvas, line, figure, drawing: new kind(canvas, data, this.data, () => this.repaint()) };
  }

  updateWays() {
    const { ways, words } = this.data;
    this.ways.setAttribute("aria-label", words.way);
    const buttons = ways.map((way) => make("button", { type: "button", role: "radio", "data-way": way.name }, [way.title]));
    buttons.forEach((button, i) => {
      button.addEventListener("click", () => this.setWay(ways[i].name));
      button.addEventListener("keydown", (event) => {
        const step = STEPS[event.key];
        if (!step) return;
        event.preventDefault();
        const next = (i + step + ways.length) % ways.length;
        this.setWay(ways[next].name);
        buttons[next].focus();
      });
    });
    this.ways.replaceChildren(...buttons);
    this.markWay();
  }

  markWay() {
    for (const button of this.ways.querySelectorAll("button")) {
      const chosen = button.dataset.way === this.way;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
  }

  /** @param {string} way */
  setWay(way) {
    this.way = way;
    this.markWay();
    this.tell();
    this.repaint();
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    if (this.playing !== null) clearInterval(this.playing);
    this.playing = null;
    if (playing) {
      if (this.frame === this.last) this.setFrame(0, false);
      const pace = this.calm.matches ? Math.max(CALM, this.data.pace) : this.data.pace;
      this.playing = setInterval(() => this.next(), pace);
    }
    this.nameButton();
  }

  get last() {
    return this.data.said.length - 1;
  }

  next() {
    this.setFrame(Math.min(this.frame + 1, this.last), false);
    if (this.frame === this.last) this.setPlaying(false);
  }

  nameButton() {
    if (!this.data) return;
    const { play, pause } = this.data.words;
    const [sign, word] = this.playing === null ? ["\u25b6\ufe0e", play] : ["\u23f8\ufe0e", pause];
    this.button.replaceChildren(make("span", { "aria-hidden": "true" }, [`${sign} `]), word);
  }

  /** @param {number} frame @param {boolean} byHand stops what is playing */
  setFrame(frame, byHand) {
    if (byHand) this.setPlaying(false);
    this.range.value = String(frame);
    this.range.style.setProperty("--done", `${(100 * frame) / this.last}%`);
    this.tell();
    this.repaint();
  }

  /** Describe the current frame in words. */
  tell() {
    const { frame } = this;
    this.root.dataset.frame = String(frame);
    write(this.said, this.data.said[frame]);
    this.range.setAttribute("aria-valuetext", this.data.said[frame]);
    for (const { data, line, canvas } of this.panels) {
      write(line, data.lines[this.way][frame]);
      canvas.setAttribute("aria-label", `${data.title}: ${data.lines[this.way][frame]}`);
    }
  }

  /** Draw before the next screen refresh. */
  repaint() {
    this.waiting ??= requestAnimationFrame((now) => this.paint(now));
  }

  /** @param {number} now ms */
  paint(now) {
    this.waiting = null;
    const gone = Math.min(50, now - (this.painted ?? now - 16));
    const sudden = this.data.kind === "masked" || this.calm.matches;
    this.at += (this.frame - this.at) * (sudden ? 1 : 1 - Math.exp(-gone / SETTLE));
    if (Math.abs(this.frame - this.at) < 0.02) this.at = this.frame;
    for (const { drawing, canvas } of this.panels) {
      if (drawing.draw(this.at, this.way)) canvas.dataset.drawn = String(Number(canvas.dataset.drawn) + 1);
    }
    const { places } = this.data;
    const [before, after] = [places[Math.floor(this.at)], places[Math.ceil(this.at)]];
    this.playhead.move(this.data.chart, before + (after - before) * (this.at % 1));
    this.painted = this.at === this.frame ? undefined : now;
    if (this.at !== this.frame) this.repaint();
  }

  close() {
    if (this.playing !== null) this.setPlaying(false);
    if (this.waiting !== null) cancelAnimationFrame(this.waiting);
    this.waiting = null;
    this.playhead.remove();
  }
}
