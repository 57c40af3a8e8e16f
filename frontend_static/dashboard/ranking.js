/**
 * Which calls need someone, the worst first. Pure: the ranking before, the calls and the time make the next one.
 *
 * The level of a call is left later than it is entered, and a call passes another only if it is worse by `MARGIN`, so
 * that neither flickers.
 *
 * @typedef {"help"|"watch"|"calm"} Level
 * @typedef {"rising"|"steady"|"easing"} Course
 * @typedef {{level: Level, value: number, label: "angry"|"fearful", channel: number|null, for_s: number,
 *   at_least: boolean, course: Course, alerts: import("../shared/alerts.js").Alert[]}} Standing
 *   `value`: distress; `label`: what there is more of; `for_s`: how long it has lasted, `at_least` so long; `alerts`: the open
 *   ones, the most pressing first
 * @typedef {{order: string[], standings: Map<string, Standing>}} Ranking of the live calls
 * @typedef {import("../shared/calls.js").Call} Call
 */
import { openAlerts, presses } from "../shared/alerts.js";
import { timeIn } from "../shared/calls.js";
import { leading } from "../shared/distress.js";
import { BIN_S, binsUntil, distressAt, MOST_BINS, worst } from "../shared/pulse.js";

export const ENTER = { help: 0.45, watch: 0.28 };
export const LEAVE = { help: 0.38, watch: 0.22 };
export const MARGIN = 0.03;
/** The course is told from what has changed in this time. */
const COURSE_S = 16;
const COURSE_CHANGE = 0.06;

/** @type {Ranking} */
export const UNRANKED = { order: [], standings: new Map() };

/** @param {Ranking} before @param {Call[]} live @param {number} now_ms @returns {Ranking} */
export function ranked(before, live, now_ms) {
  /** @type {Map<string, Standing>} */
  const standings = new Map();
  for (const call of live) standings.set(call.call_id, standing(before.standings.get(call.call_id), call, timeIn(call, now_ms)));
  const stayed = before.order.filter((id) => standings.has(id));
  const known = new Set(stayed);
  const urgent = (/** @type {string} */ id) => urgency(/** @type {Standing} */ (standings.get(id)));
  const came = live.map((call) => call.call_id).filter((id) => !known.has(id)).sort((a, b) => urgent(b) - urgent(a));
  return { order: reordered([...stayed, ...came], urgent), standings };
}

/**
 * Each entry moves up before the first that is lower by more than `MARGIN`: afterwards none stands below one that is so
 * much lower, and what differs by less keeps its place.
 * @param {string[]} order @param {(id: string) => number} valueOf @returns {string[]}
 */
export function reordered(order, valueOf) {
  /** @type {string[]} */
  const result = [];
  for (const id of order) {
    const value = valueOf(id);
    const at = result.findIndex((other) => valueOf(other) < value - MARGIN);
    if (at < 0) result.push(id);
    else result.splice(at, 0, id);
  }
  return result;
}

/** @param {Standing|undefined} before @param {Call} call @param {number} t @returns {Standing} */
export function standing(before, call, t) {
  const most = worst(call.pulse, t);
  const value = distressAt(call.pulse, t);
  const alerts = openAlerts(call.alerts);
  const bins = binsUntil(call.pulse, t);
  let start = bins.length;
  while (start > 0 && bins[start - 1].distress >= LEAVE.watch) start -= 1;
  const earlier = bins.at(-1 - COURSE_S / BIN_S)?.distress ?? 0;
  return {
    level: alerts.some(presses) ? "help" : level(before?.level ?? "calm", value),
    value,
    label: most ? leading(most.evidence) : "angry",
    channel: most?.channel ?? null,
    for_s: Math.max(0, start < bins.length ? t - bins[start].n * BIN_S : 0),
    at_least: start === 0 && bins.length === MOST_BINS,
    course: value - earlier > COURSE_CHANGE ? "rising" : earlier - value > COURSE_CHANGE ? "easing" : "steady",
    alerts,
  };
}

/** @param {Level} before @param {number} value @returns {Level} */
export function level(before, value) {
  if (value >= (before === "help" ? LEAVE.help : ENTER.help)) return "help";
  return value >= (before === "calm" ? ENTER.watch : LEAVE.watch) ? "watch" : "calm";
}

/** @param {Standing} standing @returns {number} an open alert comes before everything */
function urgency({ value, alerts }) {
  return value + (alerts.some(presses) ? 1 : 0);
}
