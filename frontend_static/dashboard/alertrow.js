/** One alert of the open call: a button that shows its evidence on the timeline, and what was and can be done about it. */
import { isOpen } from "../shared/alerts.js";
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, ruleText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { labelText, ranked } from "../shared/labels.js";
import { AttendBox } from "./attendbox.js";
import { evidenceText, severityText, valueText, whenText, whomText } from "./alerttext.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/alerts.js").Alert} Alert */

const TOPS = 3;

export class AlertRow {
  /** @type {Alert|null} */ #alert = null;

  /** @param {import("./attention.js").Attention} attention @param {(alert: Alert) => void} onShow */
  constructor(attention, onShow) {
    this.time = h("time");
    this.rule = h("strong");
    this.about = h("span.quiet");
    this.value = h("span");
    this.evidence = h("span.quiet");
    this.scores = h("span.scores");
    this.state = h("span.state");
    this.button = h("button", { type: "button", onclick: () => this.#alert && onShow(this.#alert) }, this.time,
      h("span.what", {}, h("span.first", {}, this.rule, " ", this.about, " ", this.state), this.value, this.scores, this.evidence));
    this.attend = new AttendBox(attention);
    this.element = h("li", {}, this.button, this.attend.element);
  }

  /** @param {Call} call @param {Alert} alert @param {number} now_s @param {boolean} chosen whether its evidence is what is shown */
  show(call, alert, now_s, chosen) {
    this.attend.show(alert.alert_id, Date.now());
    setText(this.state, whenText(alert, now_s));
    this.button.setAttribute("aria-current", String(chosen));
    if (this.#alert === alert) return;
    this.#alert = alert;
    this.button.dataset.open = isOpen(alert) ? "yes" : "no";
    setText(this.time, clock(alert.raised_s));
    setText(this.rule, ruleText(alert.rule));
    setText(this.about, [severityText(alert), whomText(call, alert)].filter(Boolean).join(" \u00b7 "));
    setText(this.value, valueText(alert));
    setText(this.evidence, evidenceText(alert));
    const tops = alert.scores ? ranked(alert.scores).slice(0, TOPS) : [];
    this.scores.hidden = !tops.length;
    this.scores.replaceChildren(...tops.map(({ label, score }) => h("span.score", {}, glyph(label), `${labelText(label)} ${percent(score)}`)));
    this.button.title = t("dash.alerts.show");
  }
}
