/**
 * The alerts of a call, as a pure function of its events.
 *
 * @typedef {{rule: string, severity: string, channel: number|null, value: number, start_s: number, end_s: number,
 *   speaker: string|null, raised_s: number, cleared_s: number|null}} Alert `start_s` to `end_s` is the evidence;
 *   `cleared_s` null: it is open
 */

/** Cleared alerts that are kept of a call; open ones always are. */
const MOST_CLEARED = 100;

/** @param {Alert[]} alerts @param {import("./calls.js").CallEvent} event of the three kinds @returns {Alert[]} */
export function alerted(alerts, event) {
  const at = alerts.findIndex((alert) => isOpen(alert) && alert.rule === event.rule && alert.channel === event.channel);
  const { rule, severity, channel, value, start_s, end_s, speaker } = event;
  const raised_s = at < 0 ? event.t : alerts[at].raised_s;
  /** @type {Alert} */
  const alert = /** @type {any} */ ({ rule, severity, channel, value, start_s, end_s, speaker, raised_s,
    cleared_s: event.type === "alert.cleared" ? event.t : null });
  if (at < 0 && alert.cleared_s !== null) return alerts; // Of an alert that was never seen open there is nothing to tell.
  const next = at < 0 ? [...alerts, alert] : alerts.with(at, alert);
  const surplus = next.filter((a) => !isOpen(a)).length - MOST_CLEARED;
  return surplus > 0 ? next.toSpliced(next.findIndex((a) => !isOpen(a)), 1) : next;
}

/** @param {Alert} alert */
export function isOpen(alert) {
  return alert.cleared_s === null;
}
