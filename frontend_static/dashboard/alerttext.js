/** An alert in words. Text only. */
import { clock, percent, roleText, speakerText } from "../shared/format.js";
import { has, t } from "../shared/i18n.js";
import { isOpen } from "../shared/alerts.js";
import { lasting } from "./why.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/alerts.js").Alert} Alert */

/** What is counted or measured in seconds; all else is a share from 0 to 1. */
const SECONDS = "silence_s";
const COUNT = "interruptions";

/** How pressing it is. @param {Alert} alert @returns {string} */
export function severityText({ severity }) {
  const key = `dash.severity.${severity}`;
  return has(key) ? t(key) : severity;
}

/** Whom it is about: a speaker, the role of its channel, or nobody in particular. @param {Call} call @param {Alert} alert @returns {string|null} */
export function whomText(call, { speaker, channel }) {
  if (speaker) return speakerText(speaker, call.names);
  const of = call.channels.length > 1 ? call.channels.find((c) => c.channel === channel) : null;
  return of ? roleText(of.role) : null;
}

/** Since when, and for how long or until when. @param {Alert} alert @param {number} now_s @returns {string} */
export function whenText(alert, now_s) {
  const lasted = lasting((alert.cleared_s ?? now_s) - alert.raised_s);
  return isOpen(alert) ? t("dash.alerts.open", { duration: lasted }) : t("dash.alerts.cleared", { duration: lasted, time: clock(alert.cleared_s ?? 0) });
}

/** What was measured, beside what the rule asks for where that is known. @param {Alert} alert @returns {string} */
export function valueText({ measure, value, threshold }) {
  const amount = (/** @type {number} */ of) => (measure === SECONDS ? lasting(of) : measure === COUNT ? String(Math.round(of)) : percent(of));
  const key = `dash.measure.${measure}`;
  const measured = measure && has(key) ? t(key, { value: amount(value) }) : amount(value);
  return threshold == null ? measured : t("dash.alerts.threshold", { measured, threshold: amount(threshold) });
}

/** What it rests on. @param {Alert} alert @returns {string} */
export function evidenceText({ start_s, end_s }) {
  return t("dash.alerts.evidence", { from: clock(start_s), to: clock(end_s) });
}
