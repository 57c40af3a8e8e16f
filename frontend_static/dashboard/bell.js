/**
 * Tells of raised alerts by sound and by a notification of the desktop, where the reader has switched that on. Both are
 * off until then; the choice is remembered in this browser.
 */
import { alertKey } from "../shared/alerts.js";
import { h, setText } from "../shared/dom.js";
import { ruleText, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/alerts.js").Alert} Alert */

/** A storm of alerts rings once in this time. */
const RING_EVERY_MS = 3000;
/** Two notes, a fourth apart: Hz, and when each begins, s. */
const NOTES = [{ hz: 660, at_s: 0 }, { hz: 880, at_s: 0.16 }];
const NOTE_S = 0.5;
const LOUDNESS = 0.12;

export class Bell {
  /** @type {AudioContext|null} */ #audio = null;
  #rung_ms = -Infinity;

  /** @param {(call_id: string, link: string|null|undefined) => void} open a call whose notification was clicked; `link`: its alert's */
  constructor(open) {
    this.open = open;
    this.sound = new Switch("sound", (on) => this.#soundTo(on));
    this.notice = new Switch("notice", (on) => this.#noticeTo(on));
    this.elements = [this.sound.element, this.notice.element];
    this.notice.element.hidden = !("Notification" in globalThis);
    if (this.notice.on && globalThis.Notification?.permission !== "granted") this.notice.set(false);
    // A page may make no sound before its reader has touched it.
    if (this.sound.on) addEventListener("pointerdown", () => this.#wake(), { once: true });
  }

  relabel() {
    this.sound.show();
    this.notice.show();
  }

  /** @param {Call} call @param {Alert} alert @param {number} now_ms */
  raised(call, alert, now_ms) {
    if (this.notice.on) this.#notify(call, alert);
    if (!this.sound.on || now_ms - this.#rung_ms < RING_EVERY_MS) return;
    this.#rung_ms = now_ms;
    this.#ring();
  }

  /** @param {boolean} on */
  #soundTo(on) {
    if (on) this.#wake();
    if (on) this.#ring(); // What it will sound like.
  }

  #wake() {
    this.#audio ??= new AudioContext();
    this.#audio.resume();
  }

  #ring() {
    const audio = this.#audio;
    if (!audio) return;
    for (const { hz, at_s } of NOTES) {
      const start_s = audio.currentTime + at_s;
      const gain = new GainNode(audio, { gain: 0 });
      gain.gain.setValueAtTime(0, start_s);
      gain.gain.linearRampToValueAtTime(LOUDNESS, start_s + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0001, start_s + NOTE_S);
      const note = new OscillatorNode(audio, { type: "triangle", frequency: hz });
      note.connect(gain).connect(audio.destination);
      note.start(start_s);
      note.stop(start_s + NOTE_S);
    }
  }

  /** @param {boolean} on */
  async #noticeTo(on) {
    if (on && (await Notification.requestPermission()) !== "granted") this.notice.set(false);
  }

  /** @param {Call} call @param {Alert} alert */
  #notify({ call_id, names }, alert) {
    const title = t("dash.bell.title", { call: call_id });
    const who = alert.speaker ? t("dash.bell.body", { rule: ruleText(alert.rule), who: speakerText(alert.speaker, names) }) : ruleText(alert.rule);
    let notice;
    try {
      notice = new Notification(title, { body: who, tag: `${call_id}:${alertKey(alert)}` });
    } catch {
      return this.notice.set(false); // Browsers of phones have it, but not for a page.
    }
    notice.onclick = () => {
      window.focus();
      this.open(call_id, alert.link);
      notice.close();
    };
  }
}

/** A button that is pressed or not, and stays so. */
class Switch {
  /** @param {"sound"|"notice"} name @param {(on: boolean) => void} switched by the reader */
  constructor(name, switched) {
    this.name = name;
    this.on = remembered(name);
    this.text = h("span", { t: `dash.bell.${name}` });
    this.state = h("span.state");
    this.element = h("button.switch", { type: "button", onclick: () => {
      this.set(!this.on);
      switched(this.on);
    } }, this.text, this.state);
    this.set(this.on);
  }

  /** @param {boolean} on */
  set(on) {
    this.on = on;
    this.element.setAttribute("aria-pressed", String(on));
    this.show();
    try {
      localStorage.setItem(stored(this.name), on ? "on" : "off");
    } catch {
      // A browser that keeps nothing asks again next time.
    }
  }

  /** In the language in force. */
  show() {
    setText(this.state, t(this.on ? "dash.bell.on" : "dash.bell.off"));
  }
}

/** @param {string} name */
function stored(name) {
  return `undertone.bell.${name}`;
}

/** @param {string} name */
function remembered(name) {
  try {
    return localStorage.getItem(stored(name)) === "on";
  } catch {
    return false;
  }
}
