/**
 * Where everything lies on the timeline. Pure functions of a call, a span and a width; nothing is drawn here.
 *
 * @typedef {import("./detail.js").Detail} Detail
 * @typedef {import("./detail.js").Point} Point
 * @typedef {import("./calls.js").Call} Call
 * @typedef {{channel: number, role: string, emotion: boolean, y: number, ribbon_h: number, top: number, bottom: number}} Track
 * @typedef {{from_s: number, to_s: number, left: number, right: number}} Place seconds, and the px where they lie
 * @typedef {{from_s: number, to_s: number, point: Point}} Stretch what one point stands for
 */

/** A point stands for the hop before it; the hop widens to 2 s at most. */
const LONGEST_HOP_S = 2.1;
const HOP_S = 0.5;
/** Speech of nobody known that is not worth a lane. */
const BRIEF_S = 0.3;

/**
 * Who has a lane: the roles, or the speakers by name, and nobody known where that is to be seen.
 * @param {Call} call @param {Detail} detail @param {number} from_s @returns {(string|null)[]}
 */
export function speakers(call, detail, from_s) {
  if (call.channels.length > 1) return call.channels.map((channel) => channel.role);
  const seen = new Set(detail.turns.map((turn) => turn.speaker));
  const nobody = detail.turns.some((turn) => turn.speaker === null && (turn.end_s ?? Infinity) > Math.max(from_s, turn.start_s + BRIEF_S));
  const known = [...seen].filter((s) => s !== null).sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
  return nobody || !known.length ? [...known, null] : known;
}

/** @param {Place} place @param {number} t @returns {number} px */
export function xAt(place, t) {
  return place.left + ((t - place.from_s) / (place.to_s - place.from_s)) * (place.right - place.left);
}

/** @param {Place} place @param {number} x px @returns {number} seconds, inside what is shown */
export function timeAt(place, x) {
  const t = place.from_s + ((x - place.left) / (place.right - place.left)) * (place.to_s - place.from_s);
  return Math.min(place.to_s, Math.max(place.from_s, t));
}

/** Usable points as stretches of time. A pause leaves a hole. @param {Point[]} points @param {number} from_s @returns {Stretch[]} */
export function stretches(points, from_s) {
  const result = [];
  for (let i = firstAfter(points, from_s); i < points.length; i++) {
    const point = points[i];
    if (point.reliability === "unusable") continue;
    const since = i ? point.t - points[i - 1].t : Infinity;
    const hop = since <= LONGEST_HOP_S && points[i - 1].reliability !== "unusable" ? since : HOP_S;
    result.push({ from_s: point.t - hop, to_s: point.t, point });
  }
  return result;
}

/** Stretches that touch, as one. @param {Stretch[]} all @param {(a: Stretch, b: Stretch) => boolean} [alike] @returns {Stretch[][]} */
export function runs(all, alike = () => true) {
  /** @type {Stretch[][]} */
  const result = [];
  for (const stretch of all) {
    const run = result.at(-1);
    const last = run?.at(-1);
    if (run && last && stretch.from_s - last.to_s < 0.01 && alike(last, stretch)) run.push(stretch);
    else result.push([stretch]);
  }
  return result;
}

/** Silence long enough to have been declared unusable. @param {Point[]} points @param {number} now_s */
export function unusable(points, now_s) {
  return points.flatMap((point, i) =>
    point.reliability === "unusable" ? [{ from_s: point.t, to_s: points[i + 1] ? points[i + 1].t - HOP_S : now_s }] : [],
  );
}

/** @param {Point[]} points @param {number} t @returns {Point|null} the usable point that stands for `t` */
export function pointAt(points, t) {
  return stretches(points, t - LONGEST_HOP_S).find((s) => s.from_s <= t && t <= s.to_s)?.point ?? null;
}

/** @param {Place} place @returns {number[]} seconds at which the axis has a tick */
export function ticks(place) {
  const most = (place.right - place.left) / 80;
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 1200].find((s) => (place.to_s - place.from_s) / s <= most) ?? 3600;
  const result = [];
  for (let t = Math.ceil(place.from_s / step) * step; t <= place.to_s; t += step) result.push(t);
  return result;
}

/** @param {Point[]} points in time order @param {number} t @returns {number} */
function firstAfter(points, t) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].t < t) low = middle + 1;
    else high = middle;
  }
  return low;
}
