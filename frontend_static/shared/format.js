/** Numbers and times in words a reader takes in at a glance. */
import { has, locale, t } from "./i18n.js";

/** @param {number} seconds @returns {string} "1:05", "1:02:09" */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} share in [0, 1] @returns {string} "82 %" */
export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

/** @param {number|null|undefined} ms @returns {string} "240 ms", "1.8 s" */
export function lag(ms) {
  if (ms == null) return "\u2013";
  return ms < 1000 ? t("shared.ms", { value: Math.round(ms) }) : t("shared.s", { value: (ms / 1000).toFixed(1) });
}

/** @param {string} rfc3339 @param {number} now_ms epoch @returns {string} "just now", "4 min ago", "14:05", "3 Mar 14:05" */
export function ago(rfc3339, now_ms) {
  const then = new Date(rfc3339);
  const minutes = Math.floor((now_ms - then.getTime()) / 60000);
  if (minutes < 1) return t("shared.ago.now");
  if (minutes < 60) return t("shared.ago.minutes", { count: minutes });
  const time = then.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
  return minutes < 12 * 60 ? time : `${then.toLocaleDateString(locale(), { day: "numeric", month: "short" })} ${time}`;
}

/** @param {string} text such as a role or a code @returns {string} */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

/** @param {string} role @returns {string} in the reader's language where it is one that everyone uses, else as it came */
export function roleText(role) {
  const key = `shared.role.${role}`;
  return has(key) ? t(key) : sentence(role);
}

/** @param {string|null} speaker "S2", or a role @param {ReadonlyMap<string, string>} [names] @returns {string} */
export function speakerText(speaker, names = new Map()) {
  if (!speaker) return t("shared.speaker.unknown");
  const number = speaker.match(/^S(\d+)$/)?.[1];
  const name = names.get(speaker);
  if (!number) return name ?? roleText(speaker);
  return name ? t("shared.speaker.named", { name, number }) : t("shared.speaker", { number });
}

/** Short enough for a lane's margin. @param {string|null} speaker @param {ReadonlyMap<string, string>} names @returns {string} */
export function speakerShort(speaker, names) {
  if (!speaker) return t("shared.speaker.unknown_short");
  return names.get(speaker) ?? speakerText(speaker);
}

/** What a rule is called: those that come with the server have a name in each language, others have their own. @param {string} rule @returns {string} */
export function ruleText(rule) {
  const key = `shared.rule.${rule}`;
  return has(key) ? t(key) : rule;
}

/** Why a call ended. @param {string|null} reason @returns {string} */
export function reasonText(reason) {
  return reason && has(`shared.reason.${reason}`) ? t(`shared.reason.${reason}`) : (reason ?? "\u2013");
}

/** A warning or an error of the server in the reader's language; the server's own words where there are no others.
 * @param {{code: string, reason: string}} notice @returns {string} */
export function noticeText({ code, reason }) {
  const key = [`shared.warning.${code}`, `shared.error.${code}`].find(has);
  return key ? t(key) : sentence(reason);
}
