/** What was done about an alert, by whom, and what was written; and what the reader does about it. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { ago } from "../shared/format.js";
import { locale, t } from "../shared/i18n.js";
import { nameOfReader, rememberReader } from "./reader.js";

/**
 * @typedef {import("./attention.js").Attention} Attention
 * @typedef {import("./attention.js").Attended} Attended
 * @typedef {import("./attention.js").Action} Action
 */

const ACTIONS = /** @type {const} */ (["acknowledge", "snooze", "resolve", "comment"]);
const SNOOZES_S = [900, 3600, 28_800];
const MOST_NAME = 128;
const MOST_TEXT = 4000;

export class AttendBox {
  #alert_id = "";
  /** @type {Action|null} What the form is for. */ #action = null;
  #busy = false;
  #stamp = "";

  /** @param {Attention} attention */
  constructor(attention) {
    this.attention = attention;
    this.done = h("span.done");
    this.notes = h("ul.notes");
    this.buttons = new Map(ACTIONS.map((action) => [action, h("button.act", { type: "button", t: `dash.attention.${action}`, onclick: () => this.#begin(action) })]));
    this.by = /** @type {HTMLInputElement} */ (h("input", { required: true, maxlength: MOST_NAME, autocomplete: "nickname" }));
    this.text = /** @type {HTMLInputElement} */ (h("input", { maxlength: MOST_TEXT }));
    this.for_s = /** @type {HTMLSelectElement} */ (h("select", {}, ...SNOOZES_S.map((value) => h("option", { value, t: `dash.attention.snooze.${value}` }))));
    this.until = h("label", {}, h("span", { t: "dash.attention.for" }), this.for_s);
    this.submit = /** @type {HTMLButtonElement} */ (h("button.button"));
    this.problem = h("p.problem", { role: "alert" });
    this.form = h("form.deed", { hidden: true, onsubmit: (/** @type {Event} */ event) => this.#act(event),
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.#end() },
    h("label", {}, h("span", { t: "dash.attention.by" }), this.by), this.until, h("label.wide", {}, h("span", { t: "dash.attention.text" }), this.text), this.submit,
    h("button.act", { type: "button", t: "dash.attention.not", onclick: () => this.#end() }));
    this.element = h("div.attend", { hidden: true }, h("p.acts", {}, this.done, ...this.buttons.values()), this.notes, this.form, this.problem);
  }

  /** @param {string|null|undefined} alert_id @param {number} now_ms */
  show(alert_id, now_ms) {
    const attended = alert_id ? this.attention.of(alert_id) : null;
    this.element.hidden = !alert_id || !this.attention.available;
    if (!alert_id) return;
    this.#alert_id = alert_id;
    setText(this.done, doneText(attended, now_ms));
    const state = attended?.attention ?? "none";
    for (const [action, button] of this.buttons) button.hidden = (state === "resolved" && action !== "comment") || (state === "acknowledged" && action === "acknowledge");
    const notes = this.attention.notes(alert_id);
    const stamp = JSON.stringify([notes, document.documentElement.lang]);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.notes.replaceChildren(...notes.map(({ by, text, at }) => h("li", { title: new Date(at).toLocaleString(locale()) }, h("strong", {}, by), ` ${text}`)));
  }

  /** @param {Action} action */
  #begin(action) {
    this.#action = action;
    this.form.hidden = false;
    this.until.hidden = action !== "snooze";
    this.text.required = action === "comment";
    this.by.value ||= nameOfReader();
    this.submit.setAttribute("data-t", `dash.attention.${action}`);
    setText(this.submit, t(`dash.attention.${action}`));
    setText(this.problem, "");
    (this.by.value ? this.text : this.by).focus();
  }

  #end() {
    const button = this.#action && this.buttons.get(this.#action);
    const had = this.form.contains(document.activeElement);
    this.form.hidden = true;
    setText(this.problem, "");
    if (had) (button && !button.hidden ? button : this.buttons.get("comment"))?.focus();
  }

  /** @param {Event} event */
  async #act(event) {
    event.preventDefault();
    if (this.#busy || !this.#action) return;
    this.#busy = this.submit.disabled = true;
    const [by, text] = [this.by.value.trim(), this.text.value.trim()];
    try {
      await this.attention.act(this.#alert_id, this.#action, { by, ...(text ? { text } : {}), ...(this.#action === "snooze" ? { for_s: Number(this.for_s.value) } : {}) });
      rememberReader(by);
      this.text.value = "";
      this.show(this.#alert_id, Date.now());
      this.#busy = this.submit.disabled = false;
      this.#end();
    } catch (error) {
      this.#busy = this.submit.disabled = false;
      setText(this.problem, failureText(error)());
    }
  }
}

/** @param {Attended|null} attended @param {number} now_ms @returns {string} who did what and when */
function doneText(attended, now_ms) {
  if (attended?.attention === "resolved") return t("dash.attention.resolved", { by: attended.resolved_by ?? "", ago: ago(attended.resolved_at ?? "", now_ms) });
  if (attended?.attention === "snoozed") return t("dash.attention.snoozed", { by: attended.snoozed_by ?? "", until: new Date(attended.snoozed_until ?? "").toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" }) });
  if (attended?.attention === "acknowledged") return t("dash.attention.acknowledged", { by: attended.acknowledged_by ?? "", ago: ago(attended.acknowledged_at ?? "", now_ms) });
  return "";
}
