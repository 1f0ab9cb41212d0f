// The comparison grid. Python sends photos and raw maps once; changing the view needs no answer from it.

/**
 * @typedef {Record<string, any> & SummaryWords} Words every text on screen
 * @typedef {{photos: PhotoData[], palettes: Record<string, string>, words: Words, pickable: boolean,
 *   options: Record<string, string[][]>, settings: object}} GridData
 * @typedef {{look: Look, answer: Answer | null, move: number, view: LinkedView | null}} News move: the last move that Python has received
 * @typedef {(name: string, value: unknown) => void} Send
 */

class Grid {
  /** @type {GridData} */ data;
  /** @type {Look} */ look;
  /** @type {Send} */ setStateValue;
  /** @type {Send} */ setTriggerValue;
  /** @type {Answer | null} */ answer = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.box = find(root, ".rows");
    this.toolbar = new Toolbar(this, find(root, ".bar"));
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Map<string, Uint32Array>} */
    this.palettes = new Map();
    /** @type {Map<Element, Surface>} what is drawn where */
    this.surfaces = new Map();
    this.changed = false;
    /** @type {Set<Surface>} to be drawn in the next picture */
    this.stale = new Set();
    this.failed = false;
    this.sender = new Sender(root, (told) => this.setStateValue("look", told));
    this.known = ""; // the look that Python has or was sent
    this.narrow = false;
    this.swiping = false;
    this.differing = false;
    this.sorting = false;
    this.boxing = false;
    this.linked = /** @type {LinkedView | null} */ (null); // the view from a link, until the visitor changes something
    this.touched = false;
    for (const name of ["pointerdown", "keydown", "input"]) root.addEventListener(name, () => this.touch(), { capture: true });
    this.waiting = /** @type {number | null} */ (null);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sight = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "100px" });
    this.escape = (/** @type {KeyboardEvent} */ event) => this.leave(event);
    this.hear = (/** @type {Event} */ event) => this.attempt(() => this.learn(/** @type {CustomEvent<News>} */ (event).detail));
  }

  /** Python sent maps. @param {GridData} data @param {Send} setStateValue @param {Send} setTriggerValue */
  update(data, setStateValue, setTriggerValue) {
    Object.assign(this, { data, setStateValue, setTriggerValue });
    this.sizes.observe(this.root);
    addEventListener(NEWS, this.hear);
    addEventListener("keydown", this.escape);
    dispatchEvent(new Event(NEWS_WANTED)); // if there are no news yet, they draw the maps when they arrive
  }

  /** @param {News} news */
  learn({ look, answer, move, view }) {
    this.answer = answer;
    if (!this.touched) this.linked = view;
    const text = JSON.stringify(look);
    // An answer to an older move must not pull the controls back from their current position.
    if (this.sender.hear(move)) {
      if (text !== this.known && !this.toolbar.ahead) this.look = look;
      this.known = text;
    }
    this.refresh();
  }

  refresh() {
    const { data } = this;
    for (const [name, table] of Object.entries(data.palettes)) {
      if (!this.palettes.has(name)) this.palettes.set(name, pixelsOf(bytesOf(table)));
    }
    this.toolbar.label(data);
    this.toolbar.show(this.look);
    this.updateRows(data.photos);
    this.resize();
    followLink(this);
    this.repaint(true);
  }

  /** Stop following the link: the view now belongs to the visitor. */
  touch() {
    this.touched = true;
    this.linked = null;
  }

  /** @param {PhotoData[]} photos */
  updateRows(photos) {
    const known = new Map(this.rows.map((row) => [row.photo.id, row]));
    const rows = photos.map((photo) => {
      const row = known.get(photo.id);
      row?.update(photo);
      return row ?? new Row(this, photo);
    });
    this.rows = rows;
    this.sort();
    this.watch();
    this.viewed();
  }

  /** Draw only what is visible. */
  watch() {
    this.sight.disconnect();
    this.surfaces = new Map(this.rows.flatMap((row) => row.surfaces.map((surface) => [surface.stage, surface])));
    for (const stage of this.surfaces.keys()) this.sight.observe(stage);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const surface = this.surfaces.get(target);
      if (surface) surface.visible = isIntersecting;
    }
    this.repaint();
  }

  resize() {
    this.narrow = this.root.clientWidth < 640;
    this.root.classList.toggle("narrow", this.narrow);
    for (const row of this.rows) row.layout();
    this.repaint();
  }

  /** @param {Look} look */
  setLook(look) {
    this.look = look;
    this.toolbar.show(look);
    this.repaint(true);
  }

  /** Show how to zoom and move on the first map that the mouse enters. @param {Tile} tile @param {PointerEvent} event */
  hint({ frame, stage }, event) {
    if (hinted || event.pointerType !== "mouse") return;
    hinted = true;
    const hint = make("div", { class: "hint" }, [this.data.words.zoomHint]);
    frame.append(hint);
    for (const name of ["pointerleave", "pointerdown"]) stage.addEventListener(name, () => hint.remove(), { once: true });
  }

  /** Choose one class for the maps of all photos; Python is notified as for a change of the look. @param {string} name empty: each model's own first guess */
  choose(name) {
    this.setLook({ ...this.look, class: name });
    for (const row of this.rows) {
      row.list.mark();
      row.difference.measure();
    }
    this.sort();
    this.toolbar.letGo();
  }

  /** Update downloads and link after a change of the look. */
  tell() {
    const look = JSON.stringify(this.look);
    if (look === this.known || !this.root.isConnected) return;
    this.known = look;
    this.sender.tell(this.look);
  }

  resetViews() {
    for (const row of this.rows) row.setView({ zoom: 1, x: 0, y: 0 });
  }

  /** A photo was zoomed or moved. */
  viewed() {
    this.toolbar.offerReset(this.rows.some((row) => row.view.zoom > 1));
    this.repaint();
  }

  /** Escape closes an enlarged map, wherever the focus is. @param {KeyboardEvent} event */
  leave(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    for (const row of this.rows) for (const tile of row.tiles) tile.setLarge(false);
  }

  /** @param {boolean} swiping */
  setSwiping(swiping) {
    this.swiping = swiping;
    for (const row of this.rows) row.swipe.update();
    this.repaint();
  }

  /** @param {boolean} differing */
  setDiffering(differing) {
    this.differing = differing;
    for (const row of this.rows) row.difference.update();
    this.sort();
    this.repaint();
  }

  /** Choose two models for all photos: otherwise their differences could not be sorted. @param {string[]} labels */
  setPair(labels) {
    for (const row of this.rows) {
      row.difference.pair.choose(labels);
      row.difference.measure();
    }
    this.sort();
    this.repaint();
  }

  /** @param {boolean} sorting */
  setSorting(sorting) {
    this.sorting = sorting;
    this.sort();
  }

  /** Order the photos as they were chosen, or by how much two models differ. */
  sort() {
    this.toolbar.offerSorting(this.differing && this.rows.length > 1);
    const apart = (/** @type {Row} */ row) => row.difference.found?.elsewhere ?? -1;
    const rows = this.differing && this.sorting ? [...this.rows].sort((a, b) => apart(b) - apart(a)) : this.rows;
    const elements = rows.map((row) => row.element);
    const same = elements.length === this.box.children.length && elements.every((one, i) => one === this.box.children[i]);
    if (!same) this.box.replaceChildren(...elements);
  }

  /** @param {boolean} boxing */
  setBoxing(boxing) {
    this.boxing = boxing;
    this.root.classList.toggle("boxing", boxing);
    for (const row of this.rows) row.boxing.update();
    this.repaint();
  }

  /** @param {boolean} signed */
  palette(signed) {
    return /** @type {Uint32Array} */ (this.palettes.get(signed ? "diverging" : this.look.palette));
  }

  /**
   * Draw once before the next frame, however much has changed.
   *
   * @param {boolean} changed whether the map or the scale is new @param {Iterable<Surface>} surfaces to draw
   */
  repaint(changed = false, surfaces = this.surfaces.values()) {
    this.changed = this.changed || changed;
    for (const surface of surfaces) this.stale.add(surface);
    this.waiting ??= requestAnimationFrame(() => this.attempt(() => this.paint()));
  }

  paint() {
    this.waiting = null;
    if (this.changed) this.rescale();
    this.changed = false;
    for (const surface of this.stale) if (surface.visible) surface.acts.draw();
    this.stale.clear();
    if (this.surfaces.size > 0) document.documentElement.toggleAttribute("data-effviz-drawn", true); // see undrawn.css
  }

  /** If this fails, the server draws still pictures; it is notified once. @param {() => void} act */
  attempt(act) {
    if (this.failed) return;
    try {
      act();
    } catch (mistake) {
      this.failed = true;
      this.setStateValue("canvas", false);
      throw mistake;
    }
  }

  rescale() {
    const tiles = this.rows.flatMap((row) => row.drawable);
    const scaled = rescale(tiles.map((tile) => tile.map()), this.look.scale);
    tiles.forEach((tile, i) => {
      tile.scaled = scaled[i];
      tile.mark = `${this.look.scale} ${markOf(tile.map())}`;
      tile.describe();
    });
    for (const row of this.rows) {
      row.inspector.update();
      row.boxing.measure();
      row.difference.measure();
    }
    this.toolbar.drawLegend(scaled[0]);
  }

  close() {
    removeEventListener(NEWS, this.hear);
    removeEventListener("keydown", this.escape);
    this.sizes.disconnect();
    this.sight.disconnect();
    if (this.waiting !== null) cancelAnimationFrame(this.waiting);
    this.waiting = null;
  }
}

let hinted = false; // once per visit is enough

/** @type {WeakMap<Float32Array, number>} */
const marks = new WeakMap();
let latestMark = 0;

/** A unique number for a map. @param {Float32Array} map */
function markOf(map) {
  const mark = marks.get(map) ?? ++latestMark;
  marks.set(map, mark);
  return mark;
}
