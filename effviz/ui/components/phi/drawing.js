// The networks drawn as in Fig. 2 of the paper: input square on top, one bar per block below, as long as its channels.
// The elements are created once; while the slider moves, only their attributes change.

const SVG = "http://www.w3.org/2000/svg";
const TITLE = 22; // px for a column's title
const SQUARE = 120; // px, the largest input square
const STACK = 330; // px for all the bars of the tallest network
const STAGE_GAP = 7; // px between stages
const BAR = 10; // px, a bar and the gap below it, unless the tallest network needs thinner ones
const CHANNEL = 0.42; // px for one channel, unless the widest network needs fewer
const PIXEL = 0.3; // px for one pixel of the input, unless the largest input needs fewer
const LABEL = 48; // px kept beside the bars for "3 × 112"
const SLIDE_WIDTH = 1120; // px, for the proportions of a slide
const SLIDE_LABEL = 72; // px, the same for the larger text of a slide
const NARROW = 110; // px: narrower columns have no room for labels

/**
 * @typedef {{name: string, depth: number, width: number, resolution: number, params: number, macs: number,
 *   map: number, blocks: number[], channels: number[]}} Network map: cells of the last map along one side; blocks and channels: stem, then the seven MBConv stages
 * @typedef {{middle: number, label: number, stem: string}} Place px from the left, and the name of the stem; label is NaN if there is no room
 * @typedef {{bar: number, channel: number, pixel: number, square: number}} Scale px for a block, a channel, an input pixel; the largest square
 */

/** @param {string} tag @param {Element} parent @param {string} name @returns {SVGElement} */
function part(tag, parent, name) {
  const element = document.createElementNS(SVG, tag);
  element.setAttribute("class", name);
  parent.append(element);
  return element;
}

/** Write only what changed: while phi moves, most texts in two of three columns stay the same. @param {SVGElement} element @param {Record<string, string | number>} values */
function set(element, values) {
  for (const [name, value] of Object.entries(values)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/** @param {Element} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One scale for all networks in view, so that they can be compared. @param {Network[]} networks @param {number} room @param {number} stack @returns {Scale} */
function fit(networks, room, stack) {
  const most = (/** @type {(network: Network) => number} */ count) => Math.max(...networks.map(count));
  const square = Math.min(SQUARE, room);
  const gaps = STAGE_GAP * (networks[0].blocks.length - 1);
  return {
    bar: Math.min(BAR, (stack - gaps) / most((network) => network.blocks.reduce((sum, blocks) => sum + blocks, 0))),
    channel: Math.min(CHANNEL, room / most((network) => Math.max(...network.channels))),
    pixel: Math.min(PIXEL, square / most((network) => network.resolution)),
    square,
  };
}

/** @param {number} middle @param {number} top @param {number} length @param {number} height @returns {string} a bar as a path */
const bar = (middle, top, length, height) => `M${middle - length / 2} ${top}h${length}v${height}h${-length}z`;

/** One network: a title, an input square, the bars and their labels. */
class Column {
  /** @param {SVGElement} parent @param {string} kind @param {number} stages */
  constructor(parent, kind, stages) {
    const group = part("g", parent, kind);
    this.title = part("text", group, "title");
    this.square = part("rect", group, "more");
    this.squareCore = part("rect", group, "core");
    this.size = part("text", group, "size");
    this.bars = part("path", group, "more");
    this.barsCore = part("path", group, "core");
    this.labels = Array.from({ length: stages }, () => part("text", group, "label"));
  }

  /**
   * @param {Network} network @param {Network} baseline what is drawn solid
   * @param {Scale} scale @param {Place} place
   */
  draw(network, baseline, scale, place) {
    const { middle } = place;
    write(this.title, network.name);
    set(this.title, { x: middle, y: 14 });
    this.drawInput(network.resolution, baseline.resolution, scale, middle);
    this.drawBars(network, baseline, scale, place);
  }

  /** @param {number} resolution @param {number} core @param {Scale} scale @param {number} middle */
  drawInput(resolution, core, { pixel, square }, middle) {
    const place = (/** @type {number} */ px) => {
      const side = px * pixel;
      return { x: middle - side / 2, y: TITLE + square - side, width: side, height: side };
    };
    set(this.square, place(resolution));
    set(this.squareCore, place(Math.min(resolution, core)));
    write(this.size, `${resolution} px`);
    set(this.size, { x: middle, y: TITLE + square + 15 });
  }

  /** @param {Network} network @param {Network} baseline @param {Scale} scale @param {Place} place */
  drawBars(network, baseline, scale, { middle, label: labels, stem }) {
    const height = scale.bar > 3 ? scale.bar - 1.5 : scale.bar * 0.7;
    let top = TITLE + scale.square + 28;
    let all = "";
    let core = "";
    network.blocks.forEach((blocks, stage) => {
      const length = network.channels[stage] * scale.channel;
      const coreLength = Math.min(network.channels[stage], baseline.channels[stage]) * scale.channel;
      const label = this.labels[stage];
      write(label, Number.isNaN(labels) ? "" : `${stage === 0 ? stem : `${blocks} \u00d7`} ${network.channels[stage]}`);
      set(label, { x: labels || 0, y: top + (blocks * scale.bar) / 2 + 3.5 });
      for (let block = 0; block < blocks; block++, top += scale.bar) {
        all += bar(middle, top, length, height);
        if (block < baseline.blocks[stage]) core += bar(middle, top, coreLength, height);
      }
      top += STAGE_GAP;
    });
    set(this.bars, { d: all });
    set(this.barsCore, { d: core });
  }
}

/** Networks side by side, on one scale; the first is the baseline of all. */
class Drawing {
  /** @param {SVGElement} svg @param {number} stages @param {string[]} kinds one a column, for the style sheet */
  constructor(svg, stages, kinds) {
    this.svg = svg;
    this.columns = kinds.map((kind) => new Column(svg, kind, stages));
    this.width = 0;
    this.label = LABEL;
    this.stack = STACK;
  }

  /** Draw in the width of a slide, then restore the drawing. @param {() => void} draw @param {() => void} read runs in between */
  widened(draw, read) {
    const { width, label } = this;
    Object.assign(this, { width: SLIDE_WIDTH, label: SLIDE_LABEL });
    draw();
    read();
    Object.assign(this, { width, label });
    draw();
  }

  /** @param {Network[]} networks one a column @param {Record<string, string>} words */
  draw(networks, words) {
    if (this.width === 0) return;
    const width = this.width / networks.length;
    const room = width < NARROW ? 0 : this.label;
    const scale = fit(networks, width - room - 12, this.stack);
    const longest = Math.max(...networks.map((network) => Math.max(...network.channels))) * scale.channel;
    set(this.svg, { viewBox: `0 0 ${this.width} ${TITLE + scale.square + 34 + this.stack}` });
    networks.forEach((network, i) => {
      const middle = i * width + (width - room) / 2;
      this.columns[i].draw(network, networks[0], scale, { middle, label: room ? middle + longest / 2 + 10 : NaN, stem: words.stem });
    });
    this.svg.removeAttribute("aria-hidden"); // the drawing now has content
    this.svg.setAttribute("aria-label", networks.map((network) => sentence(network, words)).join(" "));
  }
}

/** @param {Network} network @param {Record<string, string>} words @returns {string} the drawing in words */
function sentence(network, words) {
  const stages = network.blocks.map((blocks, stage) => fill(words.stage, { blocks, channels: network.channels[stage] })).slice(1);
  return fill(words.network, { name: network.name, px: network.resolution, stages: stages.join(", ") });
}
