/** The alerts of a call, open ones first. A row stays the same element while its alert changes, so that it keeps the focus. */
import { alertKey, isOpen } from "../shared/alerts.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { AlertRow } from "./alertrow.js";
import { Attention } from "./attention.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/alerts.js").Alert} Alert */
/** @typedef {import("./zoom.js").Shown} Shown */

/** Room left on either side of the evidence: a share of it, but some seconds. */
const ROOM = 0.25;
const LEAST_ROOM_S = 2;

export class AlertList {
  /** @type {Map<string, AlertRow>} */ #rows = new Map();
  #id = "";
  /** @type {string|null} */ #chosen = null;

  /** @param {(from_s: number, to_s: number) => void} onShow a part of the call */
  constructor(onShow) {
    this.onShow = onShow;
    this.attention = new Attention();
    this.title = h("h3");
    this.rows = h("ul.alerts");
    this.element = h("section.panel", { "t-label": "dash.alerts" }, this.title, this.rows);
  }

  /** @param {Call} call @param {number} now_s @param {Shown} shown the part of the call on the timeline */
  show(call, now_s, shown) {
    if (this.#id !== call.call_id) this.forget();
    this.#id = call.call_id;
    this.attention.open(call.alerts.length ? call.call_id : null);
    setText(this.title, call.alerts.length ? t("dash.alerts.count", { count: call.alerts.length }) : t("dash.alerts.none"));
    const order = call.alerts.toReversed().sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)));
    const keys = new Set(order.map(alertKey));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    order.forEach((alert, place) => {
      const row = this.#row(alertKey(alert));
      if (this.rows.children[place] !== row.element) this.#move(row, place);
      const chosen = this.#chosen === alertKey(alert) && shown.from_s <= alert.start_s && alert.end_s <= shown.to_s;
      row.show(call, alert, now_s, chosen);
    });
  }

  /** No call is open any more. */
  close() {
    this.attention.open(null);
  }

  forget() {
    this.#rows.clear();
    this.rows.replaceChildren();
    this.#chosen = null;
  }

  /** @param {string} key @returns {AlertRow} */
  #row(key) {
    const row = this.#rows.get(key) ?? new AlertRow(this.attention, ({ start_s, end_s }) => {
      this.#chosen = key;
      const room_s = Math.max(LEAST_ROOM_S, ROOM * (end_s - start_s));
      this.onShow(start_s - room_s, end_s + room_s);
    });
    this.#rows.set(key, row);
    return row;
  }

  /** @param {AlertRow} row @param {number} place */
  #move(row, place) {
    const focused = row.element.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    this.rows.insertBefore(row.element, this.rows.children[place] ?? null);
    focused?.focus({ preventScroll: true });
  }
}
