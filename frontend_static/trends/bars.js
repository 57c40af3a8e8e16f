/** Calls by the day as bars, those with an alert in colour, and distress as a line; the same as a table. */
import { h } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { locale, t } from "../shared/i18n.js";
import { distress } from "./figures.js";

/** @typedef {import("./figures.js").Trend} Trend */
/** @typedef {{day: Date, trend: Trend|null}[]} Days */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [960, 240, 44, 52, 12, 28];
const INSIDE_H = HEIGHT - TOP - BOTTOM;
/** Dates below the bars, about. */
const DATES = 8;

/** The right scale ends a little above the highest, but not below this. */
const LEAST_SCALE = 0.3;

/** @param {Days} days @returns {HTMLElement} */
export function bars(days) {
  const most = Math.max(1, ...days.map(({ trend }) => trend?.calls ?? 0));
  const highest = Math.max(0, ...days.map(({ trend }) => Number(trend && distress(trend))));
  const scale = Math.min(1, Math.max(LEAST_SCALE, Math.ceil(10 * highest + 0.5) / 10));
  const step = (WIDTH - LEFT - RIGHT) / days.length;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "bars", role: "img", "aria-label": t("trends.bars") });
  for (const level of [0, 0.5, 1]) {
    const y = TOP + INSIDE_H * (1 - level);
    drawing.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: "grid" }),
      words(LEFT - 8, y + 4, String(Math.round(most * level)), "end"), words(WIDTH - RIGHT + 8, y + 4, percent(level * scale), "start"));
  }
  days.forEach(({ day, trend }, place) => {
    const x = LEFT + step * place;
    if (trend) drawing.append(bar(x, step, trend, day, most));
    if (place % Math.ceil(days.length / DATES) === 0) drawing.append(words(x + step / 2, HEIGHT - 8, shortDate(day), "middle"));
  });
  for (const points of lines(days, step, scale)) drawing.append(svg("polyline", { points, class: "distress" }));
  return h("figure", {}, h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t("trends.bars") }, drawing), legend(), table(days));
}

/** @param {number} x @param {number} step @param {Trend} trend @param {Date} day @param {number} most */
function bar(x, step, trend, day, most) {
  const tall = (/** @type {number} */ calls) => (INSIDE_H * calls) / most;
  const wide = { x: x + step * 0.12, width: Math.max(1, step * 0.76) };
  const group = svg("g", {});
  group.append(svg("rect", { ...wide, y: TOP + INSIDE_H - tall(trend.calls), height: tall(trend.calls), class: "calls" }),
    svg("rect", { ...wide, y: TOP + INSIDE_H - tall(trend.alerted_calls), height: tall(trend.alerted_calls), class: "alerted" }));
  const title = svg("title", {});
  title.textContent = says(day, trend);
  group.append(title);
  return group;
}

/** The line is interrupted where there is nothing. @param {Days} days @param {number} step @param {number} scale @returns {string[]} */
function lines(days, step, scale) {
  /** @type {string[][]} */
  const pieces = [[]];
  days.forEach(({ trend }, place) => {
    const felt = trend && distress(trend);
    if (felt === null) pieces.push([]);
    else pieces[pieces.length - 1].push(`${(LEFT + step * (place + 0.5)).toFixed(1)},${(TOP + INSIDE_H * (1 - felt / scale)).toFixed(1)}`);
  });
  return pieces.filter((piece) => piece.length).map((piece) => (piece.length > 1 ? piece : [piece[0], piece[0].replace(/^[^,]+/, (x) => String(Number(x) + 2))]).join(" "));
}

function legend() {
  const keys = [["calls", "trends.bars.calls"], ["alerted", "trends.bars.alerted"], ["distress", "trends.bars.distress"]];
  return h("ul.legend", {}, ...keys.map(([kind, key]) => h("li", {}, h("i", { "data-kind": kind }), t(key))));
}

/** @param {Days} days */
function table(days) {
  const head = ["day", "calls", "alerted", "distress"].map((key) => h("th", { scope: "col" }, t(`trends.table.${key}`)));
  const rows = days.filter(({ trend }) => trend).map(({ day, trend }) => {
    const felt = distress(/** @type {Trend} */ (trend));
    return h("tr", {}, h("th", { scope: "row" }, shortDate(day)), h("td", {}, String(trend?.calls)), h("td", {}, String(trend?.alerted_calls)),
      h("td", {}, felt === null ? "\u2013" : percent(felt)));
  });
  return h("details", {}, h("summary", {}, t("trends.table")), h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}

/** @param {Date} day @param {Trend} trend */
function says(day, trend) {
  const felt = distress(trend);
  const whole = t("trends.bars.says", { day: shortDate(day), count: trend.calls, alerted: trend.alerted_calls });
  return felt === null ? whole : `${whole}, ${t("trends.bars.felt", { distress: percent(felt) })}`;
}

/** @param {Date} day */
function shortDate(day) {
  return day.toLocaleDateString(locale(), { day: "numeric", month: "short" });
}

/** @param {number} x @param {number} y @param {string} text @param {string} anchor */
function words(x, y, text, anchor) {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

/** @param {string} name @param {Record<string, string|number>} attributes @returns {SVGElement} */
function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
