// The grid as one picture, as shown: a row per photo, a column per model, and a line that describes it.

const SHEET_CELL = 400; // px, width of a column
const SHEET_GAP = 14;
const SHEET_LINE = 24;
const INK = "#1e1e1e";

/** Download the picture. @param {Grid} grid */
function save(grid) {
  sheetOf(grid).toBlob((blob) => {
    if (!blob) return; // too large for this browser
    const file = withTexts(blob, textsOf(grid));
    const link = make("a", { href: URL.createObjectURL(file), download: fileName(grid.look.class ?? "") });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read the data after the click
  });
}

/** Name a file as Python does, by the class that all maps explain. @param {string} name */
const fileName = (name) => `${["effviz-grid", ...(name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])].join("-")}.png`;

/** The provenance texts to embed in the file. @param {Grid} grid @returns {Record<string, string>} */
function textsOf(grid) {
  const maps = grid.rows.flatMap((row) =>
    row.drawable.map((tile) => ({
      ...{ photo: row.photo.name, photo_sha256: hashOf(row), model: tile.cell.label },
      ...{ target_name: row.photo.classes[tile.shown()], probability: tile.fact(tile.shown())?.probability },
    })),
  );
  const settings = JSON.stringify({ ...grid.data.settings, shown: grid.look, maps });
  return { Software: "EffViz", "EffViz link": linkOf(grid), "EffViz settings": settings };
}

/** @param {Grid} grid @returns {HTMLCanvasElement} */
function sheetOf(grid) {
  const rows = grid.rows.map((row) => ({ row, height: Math.round((SHEET_CELL * row.size[1]) / row.size[0]), lines: linesOf(row) }));
  const columns = 1 + Math.max(...grid.rows.map((row) => row.tiles.length));
  const heights = rows.map(({ height, lines }) => height + SHEET_LINE * Math.max(...lines.map((all) => all.length)) + 2 * SHEET_GAP);
  const width = SHEET_GAP + columns * (SHEET_CELL + SHEET_GAP);
  const height = 2 * SHEET_GAP + SHEET_LINE + heights.reduce((sum, height) => sum + height, 0);
  const { canvas, context } = canvasOf(width, height);
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `16px ${getComputedStyle(grid.root).fontFamily}`;
  context.textBaseline = "top";
  rows.reduce((top, one, i) => (drawRow(context, one, top), top + heights[i]), SHEET_GAP);
  drawFooter(context, grid, canvas.height - SHEET_GAP - SHEET_LINE);
  return canvas;
}

/** @typedef {{row: Row, height: number, lines: string[][]}} SheetRow lines: under the photo, then under every map */

/** @param {CanvasRenderingContext2D} context @param {SheetRow} of @param {number} top */
function drawRow(context, { row, height, lines }, top) {
  const window = windowOf(row.view, SHEET_CELL, height);
  const pictures = [row, ...row.tiles];
  pictures.forEach((picture, i) => {
    const left = SHEET_GAP + i * (SHEET_CELL + SHEET_GAP);
    const cell = canvasOf(SHEET_CELL, height);
    if (picture instanceof Row) picture.paint(cell.context, window);
    else if (picture.cell.gap === "") picture.paint(cell.context, window, new Painter());
    context.drawImage(cell.canvas, left, top);
    lines[i].forEach((line, n) => put(context, line, [left, top + height + 6 + n * SHEET_LINE], SHEET_CELL));
  });
}

/** @param {Row} row @returns {string[][]} */
function linesOf(row) {
  const under = row.tiles.map((tile) => {
    const said = [tile.title, ...tile.lines.children, ...(tile.boxed.hidden ? [] : [tile.boxed])];
    return said.map((element) => element.textContent);
  });
  return [[`${row.photo.name} ${row.photo.caption}`], ...under];
}

/** Draw the description and the colour legend. @param {CanvasRenderingContext2D} context @param {Grid} grid @param {number} top */
function drawFooter(context, grid, top) {
  const [low, , high] = [...grid.toolbar.legend.children].map((element) => element.textContent);
  const colours = grid.toolbar.colours ?? [];
  const said = [grid.data.words.made, low].filter(Boolean).join(" \u00b7 ");
  put(context, said, [SHEET_GAP, top], context.canvas.width);
  let left = SHEET_GAP + context.measureText(said).width + 8;
  for (const colour of colours) {
    context.fillStyle = colour;
    context.fillRect(left, top + 3, 5, 12);
    left += 5;
  }
  put(context, high, [left + 8, top], context.canvas.width);
}

/** Draw a line of text, truncated to fit. @param {CanvasRenderingContext2D} context @param {string} text @param {number[]} at @param {number} width */
function put(context, text, [x, y], width) {
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > width) shown = `${shown.slice(0, -2)}\u2026`;
  context.fillStyle = INK;
  context.fillText(shown, x, y);
}
