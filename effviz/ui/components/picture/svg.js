// Saves a drawing as a slide: light, 16:9, with title, source and licence, regardless of the page's theme.

const LOOK = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor", "opacity"];
const SHEET = { width: 1920, height: 1080, edge: 60, top: 130, bottom: 90, title: 38, words: 24 }; // px
const INK = "#1b2733";
const LIGHT = {
  color: INK,
  "--st-text-color": INK,
  "--st-background-color": "#ffffff",
  "--muted": INK,
  "--ghost": `color-mix(in srgb, ${INK} 45%, #ffffff)`,
  "--tint": "color-mix(in srgb, var(--compound) 36%, #ffffff)",
};

/** @typedef {{title: string, source: string}} Said the texts beside the drawing on a slide */

/** @param {string} tag @param {Record<string, string | number>} values @param {(Node | string)[]} inside @returns {SVGElement} */
function shape(tag, values, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, String(value));
  made.append(...inside);
  return made;
}

/** A mixed colour in a form that every program reads. @param {string} value "color(srgb 0.5 0 1)" */
const plain = (value) => value.replace(/color\(srgb ([^ ]+) ([^ ]+) ([^ )]+)[^)]*\)/, (_, ...parts) => `rgb(${parts.slice(0, 3).map((part) => Math.round(255 * part)).join(", ")})`);

/** A copy in the light theme that needs no style sheet; text that would be too small on the slide is enlarged. @param {SVGElement} svg @param {number} scale */
function standalone(svg, scale) {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const parts = svg.querySelectorAll("*");
  for (const [name, value] of Object.entries(LIGHT)) svg.style.setProperty(name, value);
  copy.querySelectorAll("*").forEach((part, i) => {
    const style = getComputedStyle(parts[i]);
    for (const name of LOOK) part.setAttribute(name, plain(style.getPropertyValue(name)));
    part.setAttribute("font-size", String(Math.max(parseFloat(style.fontSize), SHEET.words / scale)));
  });
  for (const name of Object.keys(LIGHT)) svg.style.removeProperty(name);
  return copy;
}

/** @param {SVGElement} svg on the page @param {Said} said @returns {string} the slide as a file */
function sheet(svg, { title, source }) {
  const { width, height, edge, top, bottom } = SHEET;
  const [, , wide, high] = (svg.getAttribute("viewBox") ?? "0 0 1 1").split(" ").map(Number);
  const scale = Math.min((width - 2 * edge) / wide, (height - top - bottom) / high);
  const drawing = standalone(svg, scale);
  const place = { x: (width - wide * scale) / 2, y: top, width: wide * scale, height: high * scale };
  for (const [name, value] of Object.entries(place)) drawing.setAttribute(name, String(value));
  const font = { "font-family": getComputedStyle(svg).fontFamily, fill: INK };
  const page = shape(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}` },
    shape("rect", { width, height, fill: "#ffffff" }),
    shape("text", { ...font, x: edge, y: 70, "font-size": SHEET.title, "font-weight": 650 }, title),
    drawing,
    shape("text", { ...font, x: edge, y: height - 32, "font-size": SHEET.words }, source),
  );
  return new XMLSerializer().serializeToString(page);
}

/** @param {string} href @param {string} name */
function download(href, name) {
  const link = document.createElement("a");
  Object.assign(link, { href, download: name });
  link.click();
}

/** Save the drawing, which is read before this returns. @param {SVGElement} svg @param {string} name without ending @param {"svg" | "png"} format @param {Said} said */
async function saveDrawing(svg, name, format, said) {
  const address = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(sheet(svg, said))}`;
  if (format === "svg") return download(address, `${name}.svg`);
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: SHEET.width, height: SHEET.height });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  download(canvas.toDataURL("image/png"), `${name}.png`);
}
