// Numbers as Python packs and prints them.

/** @param {string} text base64 @returns {Uint8Array} */
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** Half floats (IEEE 754 binary16, the low byte first) as numbers. @param {Uint8Array} bytes @returns {Float32Array} */
function halves(bytes) {
  const found = new Float32Array(bytes.length / 2);
  for (let i = 0; i < found.length; i++) {
    const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) found[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) found[i] = fraction ? NaN : sign * Infinity;
    else found[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return found;
}

/** @typedef {{data: string, factors: number[], rows: number, columns: number}} Packed maps of one size, each divided by its factor so that half floats lose nothing at the ends */

/** @param {Packed} packed @returns {Float32Array[]} one array of rows x columns for every factor */
function unpack({ data, factors, rows, columns }) {
  const all = halves(bytesOf(data));
  const size = rows * columns;
  return factors.map((factor, i) => all.slice(i * size, (i + 1) * size).map((value) => value * factor));
}

/** Like Python's `.{digits}f`: halves go to the even digit. @param {number} value @param {number} digits */
function fixed(value, digits) {
  const scaled = value * 10 ** digits;
  const below = Math.floor(scaled);
  if (scaled - below !== 0.5) return value.toFixed(digits);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
}

/** Like Python's `.{digits}%`. @param {number} part @param {number} digits */
const percent = (part, digits) => `${fixed(100 * part, digits)}%`;

/** Like Python's `.{digits}g`. @param {number} value @param {number} digits */
function general(value, digits) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${Number(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  return String(Number(value.toFixed(digits - 1 - exponent)));
}

/** Put values into a sentence: `{name}` becomes `values.name`. @param {string} sentence @param {Record<string, string | number>} values */
function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
