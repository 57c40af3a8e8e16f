/**
 * What the sums of `GET /v1/trends` come to. Pure.
 *
 * @typedef {{key: string, calls: number, speech_s: number, alerts: number, alerted_calls: number, heard_s: number,
 *   unusable_ratio: number|null, emotion: Record<string, number>|null, arousal: number|null}} Trend
 * @typedef {{calls: number, alerts: number, alerted: number, heard_s: number, distress: number|null}} Total
 *   `alerted`: the share of calls with an alert
 * @typedef {{calls: number, distress: number|null}} Cell of a weekday and an hour
 */

/** Means of less speech than this jump about. */
export const LEAST_S = 60;

/** Anger and fear together, as everywhere. @param {Trend} trend @returns {number|null} */
export function distress(trend) {
  return trend.emotion && trend.heard_s >= LEAST_S ? trend.emotion.angry + trend.emotion.fearful : null;
}

/** @param {Trend[]} trends @returns {Total} */
export function total(trends) {
  const sum = (/** @type {(trend: Trend) => number} */ of) => trends.reduce((all, trend) => all + of(trend), 0);
  const calls = sum((trend) => trend.calls);
  const heard_s = sum((trend) => (trend.emotion ? trend.heard_s : 0));
  const felt = sum((trend) => (trend.emotion ? (trend.emotion.angry + trend.emotion.fearful) * trend.heard_s : 0));
  return {
    calls, alerts: sum((trend) => trend.alerts), heard_s,
    alerted: calls ? sum((trend) => trend.alerted_calls) / calls : 0,
    distress: heard_s >= LEAST_S ? felt / heard_s : null,
  };
}

/** Every day of a span, also those without calls. @param {Trend[]} trends by day @param {Date} from @param {Date} to @returns {{day: Date, trend: Trend|null}[]} */
export function everyDay(trends, from, to) {
  const known = new Map(trends.map((trend) => [trend.key, trend]));
  const days = [];
  for (let day = from; day <= to; day = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1)) {
    days.push({ day, trend: known.get(dateKey(day)) ?? null });
  }
  return days;
}

/** @param {Date} day of the reader @returns {string} "2026-11-02" */
export function dateKey(day) {
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;
}

/** By weekday (0: Monday) and hour. @param {Trend[]} trends by the hours of the week @returns {Cell[][]} */
export function week(trends) {
  const cells = Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => /** @type {Cell} */ ({ calls: 0, distress: null })));
  for (const trend of trends) {
    const [day, hour] = trend.key.split("-").map(Number);
    cells[day - 1][hour] = { calls: trend.calls, distress: distress(trend) };
  }
  return cells;
}

/** The weekday and hour with most distress of those with some calls. @param {Cell[][]} cells @param {number} leastCalls @returns {{day: number, hour: number, cell: Cell}|null} */
export function hottest(cells, leastCalls) {
  const all = cells.flatMap((hours, day) => hours.map((cell, hour) => ({ day, hour, cell })));
  const known = all.filter(({ cell }) => cell.distress !== null && cell.calls >= leastCalls);
  return known.reduce((/** @type {typeof all[0]|null} */ most, one) => (!most || Number(one.cell.distress) > Number(most.cell.distress) ? one : most), null);
}
