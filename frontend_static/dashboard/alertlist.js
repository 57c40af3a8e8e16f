/** The alerts of a call, open ones first; each is a button that shows its evidence. */
import { isOpen } from "../shared/alerts.js";
import { h, setText } from "../shared/dom.js";
import { clock, percent, speakerText } from "../shared/format.js";
import { has, t } from "../shared/i18n.js";
import { ruleText } from "./why.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/alerts.js").Alert} Alert */

/** Room left around the evidence when it is shown. */
const ROOM_S = 10;

export class AlertList {
  /** @type {Alert[]|null} */ #listed = null;

  /** @param {(from_s: number, to_s: number) => void} onShow a part of the call */
  constructor(onShow) {
    this.onShow = onShow;
    this.title = h("h3");
    this.rows = h("ul.alerts");
    this.element = h("section.panel", { "t-label": "dash.alerts" }, this.title, this.rows);
  }

  /** @param {Call} call */
  show(call) {
    if (this.#listed === call.alerts) return;
    this.#listed = call.alerts;
    setText(this.title, call.alerts.length ? t("dash.alerts.count", { count: call.alerts.length }) : t("dash.alerts.none"));
    const order = call.alerts.toReversed().sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)));
    this.rows.replaceChildren(...order.map((alert) => h("li", {}, this.#button(call, alert))));
  }

  forget() {
    this.#listed = null;
  }

  /** @param {Call} call @param {Alert} alert */
  #button(call, alert) {
    const severity = has(`dash.severity.${alert.severity}`) ? t(`dash.severity.${alert.severity}`) : alert.severity;
    const state = isOpen(alert) ? t("dash.alerts.open") : t("dash.alerts.cleared", { time: clock(alert.cleared_s ?? 0) });
    const who = alert.speaker ? speakerText(alert.speaker, call.names) : null;
    const about = [severity, who, percent(alert.value), t("dash.alerts.evidence", { from: clock(alert.start_s), to: clock(alert.end_s) })];
    return h("button", { type: "button", "data-open": isOpen(alert) ? "yes" : "no", onclick: () => this.onShow(alert.start_s - ROOM_S, alert.end_s + ROOM_S) },
      h("time", {}, clock(alert.raised_s)), h("span.what", {}, h("strong", {}, ruleText(alert.rule)), h("span.quiet", {}, about.filter(Boolean).join(" \u00b7 "))),
      h("span.state", {}, state));
  }
}
