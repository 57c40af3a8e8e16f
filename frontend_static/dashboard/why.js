/** Why a call stands where it stands, in one plain sentence; and who speaks in it. Text only, no DOM. */
import { roleText, ruleText, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("./ranking.js").Standing} Standing */

/** Longer without a score is worth saying. */
const SILENCE_S = 30;

/** What is heard, and what alerts are open. @param {Call} call @param {Standing|undefined} standing @param {number} now_s seconds into the call @returns {string} */
export function why(call, standing, now_s) {
  const [feeling, alert] = [feelingText(call, standing), alertText(standing, now_s)];
  return feeling && alert ? t("dash.why.both", { feeling, alert }) : (feeling ?? alert ?? quiet(call, now_s));
}

/** The first of the two that there is. @param {Call} call @param {Standing|undefined} standing @param {number} now_s @param {boolean} [short] as few words as a row of the list holds @returns {string} */
export function whyFirst(call, standing, now_s, short = false) {
  return feelingText(call, standing, short) ?? alertText(standing, now_s) ?? quiet(call, now_s);
}

/** @param {Call} call @param {Standing|undefined} standing @param {boolean} [short] */
function feelingText(call, standing, short = false) {
  if (!standing || standing.level === "calm" || !standing.for_s) return null;
  const { label, course, for_s, at_least, channel } = standing;
  const key = short ? `dash.short.${label}.${course}` : `dash.why.${label}.${course}`;
  return t(key, { who: whoText(call, channel, short), duration: lasting(for_s, at_least) });
}

/** The most pressing alert, and how many more. @param {Standing|undefined} standing @param {number} now_s */
function alertText(standing, now_s) {
  const [alert, ...more] = standing?.alerts ?? [];
  if (!alert) return null;
  const values = { rule: ruleText(alert.rule), duration: lasting(now_s - alert.raised_s), count: more.length };
  return t(more.length ? "dash.why.alerts" : "dash.why.alert", values);
}

/** Who speaks now. @param {Call} call @returns {string} */
export function speakingText(call) {
  if (!call.speaking.length) return t("dash.silence");
  if (call.channels.length === 1) return call.speaker ? speakerText(call.speaker, call.names) : t("dash.someone");
  const roles = call.channels.filter((channel) => call.speaking.includes(channel.channel)).map((channel) => roleText(channel.role));
  return roles.length > 1 ? t("dash.both_speak") : roles[0];
}

/** The same as a sentence. @param {Call} call @returns {string} */
export function speakingSentence(call) {
  const one = call.speaking.length === 1;
  return one ? t("dash.now_speaking", { who: speakingText(call) }) : speakingText(call);
}

/** @param {number} seconds @param {boolean} [at_least] @returns {string} "40 s", "1 min 20 s"; coarser as it grows */
export function lasting(seconds, at_least = false) {
  const whole = seconds < 10 ? Math.max(1, Math.round(seconds)) : Math.round(seconds / 5) * 5;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes >= 10 || (minutes && !rest)) return at_least ? t("dash.over_minutes", { minutes }) : t("dash.minutes", { minutes });
  const text = minutes ? t("dash.minutes_seconds", { minutes, seconds: rest }) : t("dash.seconds", { seconds: whole });
  return at_least ? t("dash.over", { duration: text }) : text;
}

/** @param {Call} call @param {number} now_s */
function quiet(call, now_s) {
  if (!call.channels.some((channel) => channel.emotion)) return t("dash.why.not_inferred");
  const heard = Math.max(-1, ...Object.values(call.pulse.evidence).map((evidence) => evidence.t));
  if (heard < 0) return t("dash.why.unheard");
  return now_s - heard > SILENCE_S ? t("dash.why.silent", { duration: lasting(now_s - heard) }) : t("dash.why.calm");
}

/** @param {Call} call @param {number|null} channel @param {boolean} [short] without an article */
function whoText(call, channel, short = false) {
  const role = call.channels.find((c) => c.channel === channel)?.role ?? "mixed";
  if (!short && (role === "customer" || role === "agent")) return t(`dash.who.${role}`);
  if (role !== "mixed") return roleText(role);
  const voice = call.pulse.voices[String(channel)];
  return voice ? speakerText(voice, call.names) : t("dash.who.someone");
}
