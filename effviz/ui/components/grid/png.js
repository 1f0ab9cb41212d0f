// Adds texts to a PNG, which programs show as its properties; the canvas itself writes none.

const HEADER_BYTES = 33; // the signature and the first chunk (PNG, sections 5.2 and 11.2.2)
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** @param {Uint8Array} bytes */
function crcOf(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** An iTXt chunk (section 11.3.3.4), not compressed. @param {string} keyword @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function textChunk(keyword, text) {
  const body = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crcOf(body));
  return chunk;
}

/** @param {Blob} png @param {Record<string, string>} texts by keyword */
function withTexts(png, texts) {
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return new Blob([png.slice(0, HEADER_BYTES), ...chunks, png.slice(HEADER_BYTES)], { type: "image/png" });
}
