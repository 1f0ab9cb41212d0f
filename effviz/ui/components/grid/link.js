// "Copy link": write everything on the screen except photos into an address, and restore it.

const DIGITS = 16; // of a photo's hash, as in sharing.py
const MOST_LINKED_ZOOM = 16;

/**
 * @typedef {{box?: number[], zoom?: number[], cell?: [string, number, number], swipe?: [string, string, number], large?: [string]}} LinkedPhoto
 *   the view of one photo, checked by Python
 * @typedef {{modes: string[], pair: string[] | null, photos: Record<string, LinkedPhoto>}} LinkedView by the photos' hashes
 */

/** A photo's hash, without its position. @param {Row} row */
const hashOf = (row) => row.photo.id.split(" ")[1];

/** @param {Row} row */
const digestOf = (row) => hashOf(row).slice(0, DIGITS);

/** The current view of the maps. @param {Grid} grid @returns {LinkedView} */
function viewOf(grid) {
  const modes = { swipe: grid.swiping, difference: grid.differing, sorting: grid.sorting, box: grid.boxing };
  const photos = grid.rows.map((row) => /** @type {const} */ ([digestOf(row), photoViewOf(row)]));
  return {
    modes: Object.entries(modes).flatMap(([name, on]) => (on ? [name] : [])),
    pair: grid.differing ? (grid.rows[0]?.difference.pair.chosen ?? null) : null,
    photos: Object.fromEntries(photos.filter(([, view]) => Object.keys(view).length > 0)),
  };
}

/** @param {Row} row @returns {LinkedPhoto} */
function photoViewOf(row) {
  const { boxing, cursor, grid, swipe, view } = row;
  const large = row.tiles.find((tile) => tile.element.classList.contains("large"));
  const [left, right] = swipe.pair.chosen;
  return {
    ...(boxing.shown && { box: boxing.shown }),
    ...(view.zoom > 1 && { zoom: [view.zoom, view.x, view.y].map((value) => Number(value.toFixed(4))) }),
    ...(cursor?.held && { cell: [cursor.tile.cell.label, cursor.row, cursor.column] }),
    ...(grid.swiping && left && right && { swipe: [left, right, Number(swipe.divider.value)] }),
    ...(large && { large: [large.cell.label] }),
  };
}

/** The address of the current view, including changes that Python does not have yet. @param {Grid} grid */
function linkOf(grid) {
  const url = new URL(location.href);
  const known = JSON.parse(grid.known || "{}");
  for (const [name, value] of Object.entries(grid.look)) if (value !== known[name]) url.searchParams.set(name, String(value));
  const { modes, pair, photos } = viewOf(grid);
  if (modes.length > 0 || Object.keys(photos).length > 0) {
    url.searchParams.set("view", JSON.stringify({ modes, ...(pair && { pair }), photos }));
  }
  return url.href;
}

/** Copy the link and show it: browsers allow copying only on secure pages, and the visitor may want to read it. @param {Grid} grid */
async function copyLink(grid) {
  const { words } = grid.data;
  const place = find(grid.root, ".link");
  const field = /** @type {HTMLInputElement} */ (find(place, "input"));
  field.value = linkOf(grid);
  field.setAttribute("aria-label", words.link);
  place.hidden = false;
  const copied = await Promise.resolve(navigator.clipboard?.writeText(field.value)).then(() => Boolean(navigator.clipboard), () => false);
  if (!copied) field.select();
  write(find(place, "[role=status]"), copied ? words.linkCopied : words.linkByHand);
}

/** Apply the link's view until the visitor changes it, because the maps arrive one by one. @param {Grid} grid */
function followLink(grid) {
  const { linked } = grid;
  if (!linked) return;
  grid.toolbar.switchOn(linked.modes);
  if (linked.pair) grid.setPair(linked.pair);
  for (const row of grid.rows) {
    const view = linked.photos[digestOf(row)];
    if (view) followPhoto(row, view);
  }
}

/** @param {Row} row @param {LinkedPhoto} view */
function followPhoto(row, { box, zoom, cell, swipe, large }) {
  if (box) row.boxing.set(/** @type {Corners} */ (box));
  if (zoom) {
    const [factor, x, y] = [clip(zoom[0], 1, MOST_LINKED_ZOOM), zoom[1], zoom[2]];
    row.setView({ zoom: factor, x: clip(x, 0, 1 - 1 / factor), y: clip(y, 0, 1 - 1 / factor) });
  }
  const tile = cell && row.inspectable.find((one) => one.cell.label === cell[0]);
  if (tile && cell[1] < tile.cells.rows && cell[2] < tile.cells.columns) row.point({ tile, row: cell[1], column: cell[2], held: true });
  if (swipe) {
    row.swipe.pair.choose(swipe.slice(0, 2).map(String));
    row.swipe.move(swipe[2]);
    row.swipe.choose();
  }
  for (const one of row.tiles) if (large) one.setLarge(one.cell.label === large[0]);
}
