/** The page's texts: one table a language in languages/. */

/** @returns {string} the first of the browser's languages that there is, else English. */
export function chosenLanguage(wanted, available) {
  const codes = wanted.map((language) => language.toLowerCase().split("-")[0]);
  return codes.find((code) => available.includes(code)) ?? "en";
}

/** @returns {Promise<object>} texts by name; what a language lacks is English. */
export async function loadTexts(code) {
  const english = (await import("./languages/en.js")).default;
  return { ...english, ...(await import(`./languages/${code}.js`)).default };
}

/** A text with its {values}. */
export function filled(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
