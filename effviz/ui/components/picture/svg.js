// Saves a drawing of the page as a file that looks the same without the page's style sheets.

const LOOK = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor", "opacity"];
const FINE = 2; // a PNG twice as fine stays sharp on a slide

/** @param {SVGElement} svg @returns {{text: string, width: number, height: number, colour: string}} */
function standalone(svg) {
  const { width, height } = svg.getBoundingClientRect();
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const parts = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((part, i) => {
    const style = getComputedStyle(parts[i]);
    for (const name of LOOK) part.setAttribute(name, style.getPropertyValue(name));
  });
  const [left, top, wide, high] = (svg.getAttribute("viewBox") ?? `0 0 ${width} ${height}`).split(" ");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const colour = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor;
  for (const [name, value] of Object.entries({ x: left, y: top, width: wide, height: high, fill: colour })) paper.setAttribute(name, value);
  copy.prepend(paper);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return { text: new XMLSerializer().serializeToString(copy), width, height, colour };
}

/** @param {string} href @param {string} name */
function download(href, name) {
  const link = document.createElement("a");
  Object.assign(link, { href, download: name });
  link.click();
}

/** @param {SVGElement} svg @param {string} name without ending @param {"svg" | "png"} format */
async function saveDrawing(svg, name, format) {
  const { text, width, height, colour } = standalone(svg);
  const address = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  if (format === "svg") return download(address, `${name}.svg`);
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * FINE, height: height * FINE });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.fillStyle = colour; // a drawing that ends between two pixels would leave its last ones a little transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  download(canvas.toDataURL("image/png"), `${name}.png`);
}
