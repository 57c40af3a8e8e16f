/** What the library's answers consist of: tables, troubles, and the names of measures and verdicts. */
import { h } from "../shared/dom.js";
import { has, t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";

/** @param {() => string} says @returns {HTMLElement} */
export function trouble(says) {
  return h("ul.remarks", {}, h("li", {}, says()));
}

/** @param {string} title key @param {string[]} columns @param {(string|Node)[][]} rows the first cell is the head of its row @returns {HTMLElement} */
export function table(title, columns, rows) {
  const head = columns.map((column) => h("th", { scope: "col" }, t(`work.library.column.${column}`)));
  const body = rows.map(([first, ...cells]) => h("tr", {}, h("th", { scope: "row" }, first), ...cells.map((cell) => h("td", {}, cell))));
  return h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t(title) }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)));
}

/** @param {string} measure by its name on the wire, such as a label @returns {string} in the language in force, where there are words for it */
export function measureText(measure) {
  const key = `work.library.measure.${measure}`;
  return has(key) ? t(key) : labelText(measure);
}

/** @param {string} verdict as `workbench/comparison.py` has it @returns {"meets"|"review"|"risk"} */
export function verdictOf(verdict) {
  return verdict === "at risk" ? "risk" : verdict === "review" ? "review" : "meets";
}
