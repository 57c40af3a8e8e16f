/**
 * Which calls the list shows. Pure.
 *
 * @typedef {import("../shared/calls.js").Call} Call
 * @typedef {import("./address.js").Address} Address
 * @typedef {import("./ranking.js").Standing} Standing
 */
import { isOpen } from "../shared/alerts.js";
import { LABELS } from "../shared/labels.js";

/** An emotion counts as heard in a call for this long after it last came first: a list that flickers cannot be read. */
const HEARD_S = 30;
/** Choices offered of roles and of tags. */
const MOST_CHOICES = 50;

/** @param {Call} call @param {Standing|undefined} standing of a live call @param {Address} wanted @param {number} t seconds into it */
export function admits(call, standing, wanted, t) {
  const { role, tag, emotion, level, alert, find } = wanted;
  if (role && !call.channels.some((channel) => channel.role === role)) return false;
  if (tag && !tagsOf(call).includes(tag)) return false;
  if (emotion && !(t - (call.pulse.led[emotion] ?? -Infinity) <= HEARD_S)) return false;
  if (alert && !alerted(call, standing)) return false;
  if (level && call.state === "live" && standing?.level !== level) return false;
  return !find || [call.call_id, ...tagsOf(call)].some((text) => text.toLowerCase().includes(find.toLowerCase()));
}

/** Whether a call has an open alert as its row shows it, which is no newer than its standing; one that is over, whether it had any. @param {Call} call @param {Standing|undefined} standing */
export function alerted(call, standing) {
  if (call.state === "ended") return call.alerts.length > 0;
  return standing ? standing.alerts.length > 0 : call.alerts.some(isOpen);
}

/** @param {Address} wanted @returns {boolean} whether anything is left out */
export function filters({ role, tag, emotion, level, alert, find }) {
  return Boolean(role || tag || emotion || level || alert || find);
}

/** @param {Call[]} calls @param {Address} wanted what is chosen is always offered, also where no call has it */
export function choices(calls, wanted) {
  const roles = calls.flatMap((call) => call.channels.map((channel) => channel.role));
  return {
    roles: several([...roles, wanted.role]),
    tags: several([...calls.flatMap(tagsOf), wanted.tag]),
    emotions: LABELS.filter((label) => label === wanted.emotion || calls.some((call) => knows(call, label))),
  };
}

/** @param {Call} call @returns {string[]} `key:value` */
export function tagsOf(call) {
  return Object.entries(call.tags).map(([key, value]) => `${key}:${value}`);
}

/** @param {Call} call @param {string} label */
function knows(call, label) {
  return call.models.emotion?.labels.includes(label) ?? false;
}

/** @param {(string|null)[]} all @returns {string[]} each once, in order */
function several(all) {
  const known = /** @type {string[]} */ ([...new Set(all)].filter(Boolean));
  return known.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).slice(0, MOST_CHOICES);
}
