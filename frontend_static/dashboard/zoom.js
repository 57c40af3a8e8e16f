/**
 * Which part of a call is shown. Pure.
 *
 * @typedef {{span_s: number|null, end_s: number|null}} View `span_s` null: the whole call; `end_s` null: it ends now
 *   and moves on with the call
 * @typedef {{from_s: number, to_s: number}} Shown
 */

const SHORTEST_S = 4;
/** A shorter picture would jump about while it grows. */
const ROOM_S = 30;

/** @type {View} */
export const WHOLE = { span_s: null, end_s: null };

/** @param {View} view @param {number} length_s of the call so far @param {boolean} live @returns {Shown} */
export function shown(view, length_s, live) {
  const all_s = Math.max(length_s, live ? ROOM_S : 1);
  if (view.span_s === null) return { from_s: 0, to_s: all_s };
  const span_s = Math.min(view.span_s, all_s);
  const end_s = Math.min(all_s, Math.max(span_s, view.end_s ?? length_s));
  return { from_s: end_s - span_s, to_s: end_s };
}

/** The view of just that stretch. @param {Shown} stretch @param {number} length_s @param {boolean} live @returns {View} */
export function onto({ from_s, to_s }, length_s, live) {
  const all_s = Math.max(length_s, live ? ROOM_S : 1);
  const span_s = Math.max(SHORTEST_S, to_s - from_s);
  if (span_s >= all_s) return WHOLE;
  const end_s = Math.min(all_s, Math.max(span_s, to_s));
  return { span_s, end_s: live && end_s >= length_s ? null : end_s };
}

/** In (factor under 1) or out, so that `at_s` stays where it is. @param {Shown} now @param {number} at_s @param {number} factor @returns {Shown} */
export function zoomed({ from_s, to_s }, at_s, factor) {
  const span_s = Math.max(SHORTEST_S, (to_s - from_s) * factor);
  const share = (at_s - from_s) / (to_s - from_s);
  return { from_s: at_s - share * span_s, to_s: at_s + (1 - share) * span_s };
}

/** @param {Shown} now @param {number} by_s @param {number} length_s @returns {Shown} moved, but not out of the call */
export function moved({ from_s, to_s }, by_s, length_s) {
  const by = Math.max(-from_s, Math.min(by_s, Math.max(0, length_s - to_s)));
  return { from_s: from_s + by, to_s: to_s + by };
}
