/**
 * What people did about the alerts of the open call, and wrote of them. No event tells of that, so it is asked for over and over, and every
 * onlooker sees it within seconds.
 *
 * @typedef {{attention: "none"|"acknowledged"|"snoozed"|"resolved", acknowledged_at: string|null, acknowledged_by: string|null, snoozed_until: string|null,
 *   snoozed_by: string|null, resolved_at: string|null, resolved_by: string|null}} Attended RFC 3339
 * @typedef {{at: string, by: string, text: string, alert_id: string|null}} Note
 * @typedef {"acknowledge"|"snooze"|"resolve"|"comment"} Action
 * @typedef {{by: string, text?: string, for_s?: number}} Deed
 */
import { ask, json, request } from "../shared/api.js";

const LOOK_EVERY_MS = 5000;
/** A server that keeps no history, or cannot read it, is asked again after so long. */
const LOOK_AGAIN_MS = 60_000;
/** The newest of a call: it holds no more of them either. */
const MOST_ALERTS = 100;

export class Attention {
  /** @type {string|null} */ #call_id = null;
  /** @type {Map<string, Attended>} */ #attended = new Map();
  /** @type {Note[]} */ #notes = [];
  #timer = 0;
  /** What was asked for last: answers to what was asked before are not looked at. */ #asked = {};
  /** Whether something can be done about alerts: they are kept. */ available = false;

  /** @param {string|null} call_id the call that is open, null for none */
  open(call_id) {
    if (call_id === this.#call_id) return;
    this.#call_id = call_id;
    this.#attended.clear();
    this.#notes = [];
    this.#look();
  }

  /** @param {string} alert_id @returns {Attended|null} null: it is not known yet */
  of(alert_id) {
    return this.#attended.get(alert_id) ?? null;
  }

  /** @param {string} alert_id @returns {Note[]} the oldest first */
  notes(alert_id) {
    return this.#notes.filter((note) => note.alert_id === alert_id);
  }

  /** @param {string} alert_id @param {Action} action @param {Deed} deed @returns {Promise<void>} once it is committed. Throws an ApiError. */
  async act(alert_id, action, deed) {
    this.#attended.set(alert_id, await ask(`/v1/alerts/${encodeURIComponent(alert_id)}/${action}`, "POST", json(deed)));
    await this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    const asked = (this.#asked = {});
    const call_id = this.#call_id;
    if (call_id === null) return;
    let again_ms = LOOK_EVERY_MS;
    if (!document.hidden) {
      try {
        const call = encodeURIComponent(call_id);
        const [{ alerts }, { notes }] = await Promise.all([request(`/v1/alerts?call_id=${call}&limit=${MOST_ALERTS}`), request(`/v1/calls/${call}/notes`)]);
        if (this.#asked !== asked) return;
        this.available = true;
        this.#attended = new Map(alerts.map((/** @type {Attended & {alert_id: string}} */ each) => [each.alert_id, each]));
        this.#notes = notes;
      } catch (error) {
        if (this.#asked !== asked) return;
        const kept = /** @type {{code?: string}} */ (error).code !== "history.unavailable";
        this.available &&= kept;
        if (!kept) again_ms = LOOK_AGAIN_MS;
      }
    }
    this.#timer = setTimeout(() => this.#look(), again_ms);
  }
}
