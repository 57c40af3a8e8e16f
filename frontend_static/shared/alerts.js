/**
 * The alerts of a call, as a pure function of its events.
 *
 * @typedef {{rule: string, severity: string, channel: number|null, value: number, start_s: number, end_s: number,
 *   speaker: string|null, alert_id?: string|null, scores?: Record<string, number>|null, link?: string|null,
 *   measure?: string|null, threshold?: number|null, raised_s: number, cleared_s: number|null}} Alert `start_s` to `end_s` is
 *   the evidence; `cleared_s` null: it is open
 * @typedef {import("./calls.js").Call} Call
 */

/** Cleared alerts that are kept of a call; open ones always are. */
const MOST_CLEARED = 100;
/** The least pressing first. */
const SEVERITIES = ["info", "warning", "critical"];

/** @param {Alert[]} alerts @param {import("./calls.js").CallEvent} event of the three kinds @returns {Alert[]} */
export function alerted(alerts, event) {
  const at = alerts.findIndex((alert) => isOpen(alert) && about(alert, event));
  const { rule, severity, channel, value, start_s, end_s, speaker, alert_id, scores, link, measure, threshold } = event;
  const raised_s = at < 0 ? event.t : alerts[at].raised_s;
  /** @type {Alert} */
  const alert = /** @type {any} */ ({ rule, severity, channel, value, start_s, end_s, speaker, alert_id, scores, link, measure, threshold,
    raised_s, cleared_s: event.type === "alert.cleared" ? event.t : null });
  if (at < 0 && alert.cleared_s !== null) return alerts; // Of an alert that was never seen open there is nothing to tell.
  const next = at < 0 ? [...alerts, alert] : alerts.with(at, alert);
  const surplus = next.filter((a) => !isOpen(a)).length - MOST_CLEARED;
  return surplus > 0 ? next.toSpliced(next.findIndex((a) => !isOpen(a)), 1) : next;
}

/** @param {Alert} alert */
export function isOpen(alert) {
  return alert.cleared_s === null;
}

/** What tells an alert from the others of its call. @param {Alert} alert @returns {string} */
export function alertKey({ alert_id, rule, channel, raised_s }) {
  return alert_id ?? `${rule} ${channel} ${raised_s}`;
}

/** The open alerts of a call, the most pressing first, the newest of those that press alike. @param {Alert[]} alerts @returns {Alert[]} */
export function openAlerts(alerts) {
  return alerts.filter(isOpen).sort((a, b) => pressure(b) - pressure(a) || b.raised_s - a.raised_s);
}

/** Whether an alert asks for someone; a note does not. @param {Alert} alert */
export function presses(alert) {
  return pressure(alert) > 0;
}

/** Open alerts that were not there before. @param {Map<string, Call>} before @param {Map<string, Call>} after @returns {{call: Call, alert: Alert}[]} */
export function raisedSince(before, after) {
  return [...after.values()].flatMap((call) => {
    const known = before.get(call.call_id)?.alerts;
    if (known === call.alerts || !call.alerts.some(isOpen)) return [];
    const keys = new Set(known?.map(alertKey));
    return call.alerts.filter((alert) => isOpen(alert) && !keys.has(alertKey(alert))).map((alert) => ({ call, alert }));
  });
}

/** Several alerts of one rule may be open at once: of different speakers. @param {Alert} alert @param {import("./calls.js").CallEvent} event */
function about(alert, event) {
  if (alert.alert_id && event.alert_id) return alert.alert_id === event.alert_id;
  return alert.rule === event.rule && alert.channel === event.channel;
}

/** A severity that nobody has heard of is one to look at. @param {Alert} alert @returns {number} */
function pressure({ severity }) {
  const at = SEVERITIES.indexOf(severity);
  return at < 0 ? SEVERITIES.indexOf("warning") : at;
}
