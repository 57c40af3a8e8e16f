/**
 * What the strip keeps of a call that broke off, in seconds of the call that followed: all of it lies before 0. Pure.
 *
 * @typedef {import("./listening.js").Heard} Heard
 * @typedef {import("../shared/detail.js").Point} Point
 * @typedef {import("../shared/turns.js").Turn} Turn
 * @typedef {{call_id: string, points: Point[], turns: (Turn & {end_s: number})[], changes: {t: number, from: string|null}[],
 *   names: Map<string, string>, end_s: number, next_s: number}} Past `end_s`: when the connection was lost, `next_s`: when the
 *   call after it began
 */
import { t } from "../shared/i18n.js";
import { focus, timeIn } from "./listening.js";

/** No strip of a live call reaches back further. */
const KEPT_S = 180;
const MOST_CALLS = 8;

/**
 * Where someone speaks, events come all the time: the connection went with the last of them, whenever that was noticed.
 * @param {Heard} heard the call that broke off @param {number} lost_ms when that was noticed @param {number} now_ms when the next one began
 * @returns {Past[]}
 */
export function pastOf(heard, lost_ms, now_ms) {
  const age_s = heard.duration_s + Math.max(0, now_ms - heard.anchor_ms) / 1000;
  const end_s = Math.min(timeIn(heard, heard.speaking.length ? heard.told_ms : lost_ms), age_s);
  const { turns, changes, points } = heard.detail;
  /** @type {Past} */
  const last = {
    call_id: heard.call_id, points: points[focus(heard)?.channel ?? 0] ?? [], changes, names: heard.names, end_s, next_s: age_s,
    turns: turns.map((turn) => ({ ...turn, end_s: turn.end_s ?? end_s })),
  };
  return [...heard.past, last].map((past) => shifted(past, age_s)).slice(-MOST_CALLS);
}

/** @param {Past} past @param {number} by_s into the past; what is too old goes @returns {Past} */
function shifted(past, by_s) {
  const kept = (/** @type {number} */ t) => t - by_s > -KEPT_S;
  return {
    ...past,
    end_s: past.end_s - by_s,
    next_s: past.next_s - by_s,
    points: past.points.filter((point) => kept(point.t)).map((point) => ({ ...point, t: point.t - by_s })),
    turns: past.turns.filter((turn) => kept(turn.end_s)).map((turn) => ({ ...turn, start_s: turn.start_s - by_s, end_s: turn.end_s - by_s })),
    changes: past.changes.filter((change) => kept(change.t)).map((change) => ({ ...change, t: change.t - by_s })),
  };
}

/** Who is to be seen of a past call since `from_s`. @param {Past} past @param {number} from_s @returns {string[]} */
export function voicesSince({ turns }, from_s) {
  const seen = turns.filter((turn) => turn.speaker !== null && turn.end_s > from_s).map((turn) => /** @type {string} */ (turn.speaker));
  return [...new Set(seen)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** How long there was no call. @param {Past} past @returns {string} */
export function gapText({ end_s, next_s }) {
  return t("shared.s", { value: Math.max(1, Math.round(next_s - end_s)) });
}
