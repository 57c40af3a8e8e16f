/** One moment of a call in words. Text only. */
import { clock, percent, roleText, ruleText, speakerText } from "../shared/format.js";
import { pointAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText, labelWord, ranked, reliability } from "../shared/labels.js";
import { turnsAt } from "../shared/turns.js";

/** @typedef {import("../shared/calls.js").Call} Call */

/** @param {Call} call with its detail @param {number} at_s @returns {string} */
export function momentText(call, at_s) {
  const detail = /** @type {import("../shared/detail.js").Detail} */ (call.detail);
  const feelings = call.channels.filter((channel) => channel.emotion).map(({ channel, role }) => {
    const point = pointAt(detail.points[channel] ?? [], at_s);
    if (!point) return t("dash.moment.feeling", { role: roleText(role), feeling: labelText(null).toLowerCase() });
    const scores = ranked(point.scores, 0.1).slice(0, 3).map(({ label, score }) => `${labelWord(label)} ${percent(score)}`);
    const feeling = t("dash.moment.scores", { scores: scores.join(", "), arousal: percent(point.arousal ?? 0),
      reliability: reliability(point.reliability).text.toLowerCase() });
    return t("dash.moment.feeling", { role: roleText(role), feeling });
  });
  const voices = [...new Set(turnsAt(detail.turns, at_s).map((turn) => speakerText(turn.speaker, call.names)))];
  const speaking = voices.length ? t("dash.now_speaking", { who: voices.join(" + ") }) : t("dash.silence");
  const alerts = call.alerts.filter((alert) => alert.start_s <= at_s && at_s <= alert.end_s).map((alert) => ruleText(alert.rule));
  return [clock(at_s), ...feelings, speaking, ...(alerts.length ? [t("dash.moment.alert", { rules: alerts.join(", ") })] : [])].join(" \u00b7 ");
}
