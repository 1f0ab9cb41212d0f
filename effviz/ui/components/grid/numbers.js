// Unpacks numbers as Python packs them, and formats them as Python does.

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

/** @typedef {{data: string, factors: number[], rows: number, columns: number}} Packed maps of one size, each divided by its factor to fit the range of half floats */

/** @param {Packed} packed @returns {Float32Array[]} one array of rows x columns for every factor */
function unpack({ data, factors, rows, columns }) {
  const all = halves(bytesOf(data));
  const size = rows * columns;
  return factors.map((factor, i) => all.slice(i * size, (i + 1) * size).map((value) => value * factor));
}

/**
 * JavaScript rounds 62.5 up, Python to the even 62: truncate such a value if the digit before is even.
 *
 * @param {number} value @param {number} digits that count, from the first that is not 0
 */
function halvesToEven(value, digits) {
  const [mantissa, power] = value.toExponential(40).split("e"); // exact, because a value halfway between has few digits
  const all = mantissa.replace(/[-.]/g, "");
  const even = digits === 0 || Number(all[digits - 1]) % 2 === 0;
  if (!even || !/^50*$/.test(all.slice(digits))) return value;
  return (Math.sign(value) * Number(all.slice(0, digits) || 0)) / 10 ** (digits - 1 - Number(power));
}

/** Like Python's `.{digits}f`. @param {number} value @param {number} digits */
function fixed(value, digits) {
  const before = Number(value.toExponential(40).split("e")[1]) + 1;
  return (before + digits < 0 ? value : halvesToEven(value, before + digits)).toFixed(digits);
}

/** Like Python's `.{digits}%`. @param {number} part @param {number} digits */
const percent = (part, digits) => `${fixed(100 * part, digits)}%`;

/** Like Python's `.{digits}g`. @param {number} value @param {number} digits */
function general(value, digits) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const rounded = halvesToEven(value, digits);
  const [mantissa, power] = rounded.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${Number(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  return String(Number(rounded.toFixed(digits - 1 - exponent)));
}

/** A number for display, with a minus sign instead of a hyphen. @param {string} number */
const typeset = (number) => number.replaceAll("-", "\u2212");

/** Fill values into a sentence: `{name}` becomes `values.name`. @param {string} sentence @param {Record<string, string | number>} values */
function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
