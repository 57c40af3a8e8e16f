/** The colours of theme.css for what is drawn on a canvas: read once, and again when the theme changes. */

/** @type {Map<string, string>} */
const known = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => known.clear());

/** @param {string} name of a custom property, without its dashes @returns {string} */
export function colour(name) {
  const value = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  known.set(name, value);
  return value;
}

/** @returns {"dark"|"light"} */
export function scheme() {
  return dark.matches ? "dark" : "light";
}
