/** Who and when: groups of calls side by side, and the week by weekday and hour. */
import { h } from "../shared/dom.js";
import { percent, roleText } from "../shared/format.js";
import { locale, t } from "../shared/i18n.js";
import { labelText, STACK } from "../shared/labels.js";
import { distress } from "./figures.js";

/** @typedef {import("./figures.js").Trend} Trend */
/** @typedef {import("./figures.js").Cell} Cell */

/** Rows of a table of groups. */
const MOST_GROUPS = 25;
/** So much distress colours a cell in full. */
const FULL = 0.5;
/** Thinner slices of a mix are left out. */
const THINNEST = 0.02;
/** A Monday. */
const MONDAY = new Date(2024, 0, 1);

/** @param {Trend[]} groups @param {string} by what they are groups of @param {(value: string) => string|null} href of a group @returns {HTMLElement} */
export function groupTable(groups, by, href) {
  if (!groups.length) return h("p.quiet", {}, t("trends.groups.none"));
  const head = ["who", "calls", "alerted", "distress", "feels"].map((key) => h("th", { scope: "col" }, t(`trends.groups.${key}`)));
  const rows = groups.slice(0, MOST_GROUPS).map((group) => {
    const name = by === "role" ? roleText(group.key) : group.key;
    const link = href(group.key);
    const felt = distress(group);
    return h("tr", {}, h("th", { scope: "row" }, link ? h("a", { href: link }, name) : name), h("td", {}, String(group.calls)),
      h("td", {}, percent(group.alerted_calls / Math.max(1, group.calls))), h("td", {}, felt === null ? "\u2013" : percent(felt)), h("td.feels", {}, mix(group)));
  });
  return h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t("trends.groups") },
    h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}

/** All scores as one bar. @param {Trend} group */
function mix(group) {
  const { emotion } = group;
  if (!emotion) return "\u2013";
  const parts = STACK.filter((label) => (emotion[label] ?? 0) >= THINNEST);
  const says = parts.map((label) => `${labelText(label)} ${percent(emotion[label])}`).join(", ");
  const bar = h("span.mix", { role: "img", "aria-label": says, title: says });
  for (const label of parts) {
    const slice = h("i");
    slice.style.background = `var(--${label})`;
    slice.style.flexGrow = String(emotion[label]);
    bar.append(slice);
  }
  return bar;
}

/** @param {Cell[][]} cells by weekday and hour @returns {HTMLElement} */
export function weekTable(cells) {
  const heard = cells.flatMap((hours) => hours.flatMap((cell, hour) => (cell.calls ? [hour] : [])));
  const [first, last] = heard.length ? [Math.min(...heard), Math.max(...heard)] : [8, 18];
  const hours = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const head = hours.map((hour) => h("th", { scope: "col" }, String(hour)));
  const rows = cells.map((row, day) => h("tr", {}, h("th", { scope: "row" }, weekday(day, "short")), ...hours.map((hour) => heat(row[hour], day, hour))));
  return h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t("trends.week") },
    h("table.week", {}, h("thead", {}, h("tr", {}, h("td"), ...head)), h("tbody", {}, ...rows)));
}

/** @param {Cell} cell @param {number} day @param {number} hour */
function heat(cell, day, hour) {
  const element = h("td");
  if (!cell.calls) return element;
  const felt = cell.distress;
  const place = { day: weekday(day, "long"), hour, count: cell.calls };
  element.title = felt === null ? t("trends.week.calls", place) : t("trends.week.says", { ...place, distress: percent(felt) });
  element.append(h("span", {}, felt === null ? "\u00b7" : String(Math.round(100 * felt))));
  if (felt !== null) element.style.setProperty("--heat", `${Math.round(100 * Math.min(1, felt / FULL))}%`);
  return element;
}

/** @param {number} day 0: Monday @param {"short"|"long"} length */
export function weekday(day, length) {
  return new Date(MONDAY.getFullYear(), 0, 1 + day).toLocaleDateString(locale(), { weekday: length });
}
