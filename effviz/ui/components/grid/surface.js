// A canvas that fills its place with a photo, and lets the visitor zoom and move it.

const MOST_ZOOM = 16;
const MOST_DENSITY = 2; // canvas pixels per CSS pixel: more would be slower without a visible gain
/** @type {Record<string, number>} */
const FACTORS = { "+": 1.25, "=": 1.25, "-": 0.8 }; // of the zoom, by key
/** @type {Record<string, number[]>} */
const PANS = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }; // with Shift
const CLICK = 4; // px of movement that still count as a click

/**
 * @typedef {[number, number]} Spot x and y, 0 to 1
 * @typedef {{view: View, size: number[], grid: Grid, setView: (view: View) => void, repaint: () => void}} Owner what the surfaces of one photo share
 * @typedef {{draw: () => void, point?: (x: number, y: number) => void, leave?: () => void, click?: (x: number, y: number) => void,
 *   drag?: (x: number) => void, box?: (from: Spot, to: Spot, done: boolean) => void}} Acts
 *   x and y from 0 to 1 of the whole photo; drag: x on the stage while a drag does not move the photo; box: two corners while a box is drawn
 */

class Surface {
  /** @param {HTMLElement} stage holds the canvas @param {Owner} owner @param {Acts} acts */
  constructor(stage, owner, acts) {
    this.stage = stage;
    this.owner = owner;
    this.acts = acts;
    this.canvas = /** @type {HTMLCanvasElement} */ (stage.querySelector("canvas"));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.canvas.dataset.drawn = "0";
    this.visible = true;
    /** @type {Map<number, Spot>} pressed pointers and their positions */
    this.pointers = new Map();
    this.moved = 0; // px
    this.corner = /** @type {Spot | null} */ (null); // of the box that is being drawn
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("pointerup", (event) => this.up(event));
    stage.addEventListener("pointercancel", (event) => this.up(event));
    stage.addEventListener("pointerleave", () => this.acts.leave?.());
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", () => owner.setView({ zoom: 1, x: 0, y: 0 }));
  }

  /** The visible part of the photo in canvas pixels; null while the canvas has no size. @returns {Pane | null} */
  window() {
    const density = Math.min(MOST_DENSITY, window.devicePixelRatio);
    const width = Math.round(this.stage.clientWidth * density);
    const height = Math.round((this.stage.clientWidth * density * this.owner.size[1]) / this.owner.size[0]);
    if (width < 1 || height < 1) return null;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    return windowOf(this.owner.view, width, height);
  }

  /** Benchmarks and tests wait for this count to grow. */
  drawn() {
    this.canvas.dataset.drawn = String(Number(this.canvas.dataset.drawn) + 1);
  }

  /** @param {MouseEvent} event @returns {Spot} where in the stage */
  at(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  /** @param {number} x @param {number} y of the stage @returns {Spot} of the photo */
  inPhoto(x, y) {
    const { view } = this.owner;
    return [view.x + x / view.zoom, view.y + y / view.zoom];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, this.at(event));
    this.moved = 0;
    this.corner = this.draws && this.pointers.size === 1 ? this.inPhoto(...this.at(event)) : null;
    if (this.owner.view.zoom > 1 || this.pointers.size > 1 || this.acts.drag || this.draws) this.stage.setPointerCapture(event.pointerId);
  }

  /** Whether a drag draws a box here. */
  get draws() {
    return this.owner.grid.boxing && this.acts.box !== undefined;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const now = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (!this.draws) this.acts.point?.(...this.inPhoto(...now));
      return;
    }
    this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]) * this.stage.clientWidth;
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    else if (this.corner) this.box(now, false);
    else if (this.owner.view.zoom === 1) this.acts.drag?.(now[0]);
    else if (this.moved > CLICK) this.owner.setView(panned(this.owner.view, now[0] - before[0], now[1] - before[1]));
    this.pointers.set(event.pointerId, now);
  }

  /** Pinch with two fingers: zoom around the finger that rests. @param {number} id @param {Spot} before @param {Spot} now */
  pinch(id, before, now) {
    this.corner = null;
    const rest = [...this.pointers].find(([other]) => other !== id)?.[1] ?? before;
    const apart = (/** @type {Spot} */ one) => Math.hypot(one[0] - rest[0], one[1] - rest[1]) || 1e-3;
    this.owner.setView(zoomed(this.owner.view, apart(now) / apart(before), rest[0], rest[1], MOST_ZOOM));
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.pointers.delete(event.pointerId) || event.type === "pointercancel") return;
    if (this.corner) this.box(this.at(event), true);
    else if (this.moved <= CLICK) this.acts.click?.(...this.inPhoto(...this.at(event)));
  }

  /** Draw a box; a mere click draws nothing. @param {Spot} now @param {boolean} done */
  box(now, done) {
    if (this.corner && this.moved > CLICK) this.acts.box?.(this.corner, this.inPhoto(...now), done);
  }

  /** Zoom with Ctrl (which touchpads send for a pinch) or on the focused map; otherwise the wheel scrolls the page. @param {WheelEvent} event */
  wheel(event) {
    const focused = /** @type {ShadowRoot} */ (this.stage.getRootNode()).activeElement === this.stage;
    const back = event.deltaY > 0 && this.owner.view.zoom === 1;
    if (!event.ctrlKey && !event.metaKey && (!focused || back)) return;
    event.preventDefault();
    const [x, y] = this.at(event);
    this.owner.setView(zoomed(this.owner.view, Math.exp(-clip(event.deltaY, -50, 50) / 100), x, y, MOST_ZOOM));
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key zooms or moves */
  key(event) {
    const { view } = this.owner;
    const factor = FACTORS[event.key];
    const pan = PANS[event.key];
    if (factor) this.owner.setView(zoomed(view, factor, 0.5, 0.5, MOST_ZOOM));
    else if (event.key === "0") this.owner.setView({ zoom: 1, x: 0, y: 0 });
    else if (event.shiftKey && pan) this.owner.setView(panned(view, pan[0], pan[1]));
    else return false;
    event.preventDefault();
    return true;
  }
}
