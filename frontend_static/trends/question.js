/**
 * What is asked about: the span and whose calls. It is in the address and nowhere else. Pure.
 *
 * @typedef {{days: number, role: string, tag: string, by: string}} Question `role` and `tag` are empty for all; `by`: the
 *   tag whose values are compared, or `role`
 * @typedef {{from: Date, to: Date, before: Date}} Span `before`: where the span of the same length before it begins
 */

export const SPANS = [7, 30, 90, 365];
export const USUAL = 30;
export const BY = "tag:agent";

/** @param {string} hash @returns {Question} */
export function parsed(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const days = Number(given.get("days"));
  return { days: SPANS.includes(days) ? days : USUAL, role: given.get("role") ?? "", tag: given.get("tag") ?? "", by: given.get("by") ?? BY };
}

/** @param {Question} question @returns {string} what stands behind # */
export function written(question) {
  const set = new URLSearchParams();
  if (question.days !== USUAL) set.set("days", String(question.days));
  if (question.role) set.set("role", question.role);
  if (question.tag) set.set("tag", question.tag);
  if (question.by !== BY) set.set("by", question.by);
  return `#${set}`;
}

/** Whole days of the reader, today among them. @param {number} days @param {Date} now @returns {Span} */
export function spanOf(days, now) {
  const day = (/** @type {number} */ back) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - back);
  return { from: day(days - 1), to: now, before: day(2 * days - 1) };
}

/** @param {string} by @param {Date} from @param {Date} to @param {Question} question @param {string} zone @returns {string} */
export function query(by, from, to, question, zone) {
  const set = new URLSearchParams({ by, from: from.toISOString(), to: to.toISOString(), zone });
  if (question.role) set.set("role", question.role);
  if (question.tag && (by === "day" || by === "role")) set.set("tag", question.tag);
  return set.toString();
}
