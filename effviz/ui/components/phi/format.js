// Numbers as readable text.

/** @param {number} value @returns {string} two decimals, with a real minus sign */
const decimals = (value) => value.toFixed(2).replace("-", "\u2212");

/** @param {number} value @returns {string} three digits and a unit: "5.29 M", "991 M", "1.83 B" */
function amount(value) {
  const [divisor, unit] = value >= 1e9 ? [1e9, "B"] : [1e6, "M"];
  const scaled = value / divisor;
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${unit}`;
}

/** @param {string} sentence @param {Record<string, string | number>} values @returns {string} "{px} px" with the placeholders filled in */
const fill = (sentence, values) => sentence.replace(/{(\w+)}/g, (_, name) => String(values[name]));

/** @param {string} text with **bold** and *marked* parts @returns {(string | Element)[]} */
function rich(text) {
  return text.split(/(\*\*[^*]+\*\*|\*[^*]+\*)/).map((part) => {
    const stars = part.match(/^\*+/)?.[0].length ?? 0;
    if (stars === 0) return part;
    const element = document.createElement(stars === 2 ? "b" : "i");
    element.textContent = part.slice(stars, -stars);
    return element;
  });
}

/** @param {number} value @param {number} base @returns {string} "×2.57" */
const times = (value, base) => `\u00d7${(value / base).toFixed(2)}`;
