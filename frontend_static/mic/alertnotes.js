/** The alerts of the page's own call, a sentence each: while they are open, and for some seconds after. */
import { alertKey, openAlerts } from "../shared/alerts.js";
import { clock, lag, percent, ruleText, speakerText } from "../shared/format.js";
import { has, t } from "../shared/i18n.js";
import { byId, h, setText } from "../shared/dom.js";

/** @typedef {import("./listening.js").Heard} Heard */
/** @typedef {import("../shared/alerts.js").Alert} Alert */

const OVER_STAYS_S = 10;

export class AlertNotes {
  /** @type {Map<string, HTMLElement>} */ #notes = new Map();
  #root = byId("alerts");

  /** @param {Heard} heard @param {number} now_s */
  show(heard, now_s) {
    const shown = told(heard.alerts, now_s);
    const keys = new Set(shown.map(alertKey));
    for (const [key, note] of this.#notes) {
      if (keys.has(key)) continue;
      note.remove();
      this.#notes.delete(key);
    }
    for (const alert of shown) {
      const note = this.#notes.get(alertKey(alert)) ?? this.#root.appendChild(h("p"));
      this.#notes.set(alertKey(alert), note);
      note.className = alert.cleared_s === null ? "problem" : "note";
      setText(note, alertSentence(heard, alert));
    }
  }
}

/** @param {Alert[]} alerts @param {number} now_s @returns {Alert[]} */
function told(alerts, now_s) {
  return [...openAlerts(alerts), ...alerts.filter(({ cleared_s }) => cleared_s !== null && now_s - cleared_s < OVER_STAYS_S)];
}

/** @param {Heard} heard @param {Alert} alert @returns {string} */
export function alertSentence(heard, alert) {
  const { measure, value, speaker } = alert;
  const key = `mic.alert.${measure}`;
  const amount = measure === "silence_s" ? lag(value * 1000) : percent(value);
  const who = speaker ? (heard.names.get(speaker) ?? speakerText(speaker)) : t("mic.now.someone");
  const sentence = t(measure && has(key) ? key : "mic.alert.other", { rule: ruleText(alert.rule), who, value: amount, count: Math.round(value),
    from: clock(alert.start_s), to: clock(alert.end_s) });
  return alert.cleared_s === null ? sentence : t("mic.alert.over", { alert: sentence });
}
