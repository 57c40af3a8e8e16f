/** Voices: do recordings have the same speaker, whose voice is it, and who is known. Nothing here authenticates anyone. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { askOf, fetchKnown, forget } from "./voicejobs.js";
import { answer, knownTable } from "./voiceanswers.js";

/** @typedef {import("./entries.js").Entry} Entry */

const PURPOSES = ["access", "identity", "grouping"];
/** More are compared on the command line. */
const MOST_LISTED = 50;

export class VoicesView {
  /** @type {Set<number>} ids of the files that are ticked */ #ticked = new Set();
  /** @type {Entry[]} */ #entries = [];
  /** @type {any} What was answered last. */ #answered = null;
  /** @type {import("./voicejobs.js").Known[]|null} null: this server keeps no voiceprints */ #known = null;
  #busy = false;

  constructor() {
    this.files = h("div.ticks");
    this.purpose = /** @type {HTMLSelectElement} */ (h("select", {}, ...PURPOSES.map((value) => h("option", { value, t: `work.voices.purpose.${value}` }))));
    this.purpose.value = "identity";
    this.verify = h("button.button.primary", { type: "button", t: "work.voices.verify", onclick: () => this.#ask("verify", { purpose: this.purpose.value }) });
    this.identify = h("button.button", { type: "button", t: "work.voices.identify", onclick: () => this.#ask("identify", {}) });
    this.status = h("p.status", { role: "status" });
    this.answer = h("div.answer");
    this.name = input("text", "work.voices.name", { required: true, maxlength: 500 });
    this.consent = input("text", "work.voices.consent", { required: true, maxlength: 500 });
    this.days = input("number", "work.voices.days", { required: true, min: 1, max: 36500, value: 365 });
    this.enroll = h("button.button", { t: "work.voices.enroll" });
    this.form = h("form.filters", { onsubmit: (/** @type {Event} */ event) => this.#enroll(event) }, this.name.label, this.consent.label, this.days.label, this.enroll);
    this.known = h("div.known");
    this.kept = h("details", {}, h("summary", { t: "work.voices.known" }), h("p.hint", { t: "work.voices.biometric" }), this.form, this.known);
    this.element = h("section.panel.voices", { "t-label": "work.voices", hidden: true }, h("h2", { t: "work.voices" }), h("p.hint", { t: "work.voices.about" }),
      h("fieldset", {}, h("legend", { t: "work.voices.which" }), this.files),
      h("div.filters", {}, h("label.choice", {}, h("span", { t: "work.voices.purpose" }), this.purpose), this.verify, this.identify), this.status, this.answer, this.kept);
  }

  /** The server can tell voices apart: show it, and who is known if that is kept. */
  async begin() {
    this.element.hidden = false;
    await this.#learn();
  }

  /** @param {Entry[]} entries */
  show(entries) {
    const listed = entries.slice(0, MOST_LISTED);
    if (listed.length !== this.#entries.length || listed.some((entry, i) => entry !== this.#entries[i])) {
      this.#entries = listed;
      const ids = new Set(listed.map(({ id }) => id));
      for (const id of this.#ticked) if (!ids.has(id)) this.#ticked.delete(id);
      this.files.replaceChildren(...listed.map((entry) => this.#box(entry)));
    }
    this.#enable();
  }

  /** Everything is written anew in the language in force. */
  relabel() {
    this.answer.replaceChildren(...(this.#answered ? answer(this.#answered) : []));
    this.known.replaceChildren(...(this.#known ? [knownTable(this.#known, (name) => this.#forget(name))] : []));
  }

  /** @param {Entry} entry */
  #box(entry) {
    const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: this.#ticked.has(entry.id), onchange: () => {
      if (box.checked) this.#ticked.add(entry.id);
      else this.#ticked.delete(entry.id);
      this.#enable();
    } }));
    return h("label.box", {}, box, h("span", {}, entry.name));
  }

  #enable() {
    const least = (/** @type {HTMLElement} */ button, /** @type {number} */ number) => Object.assign(button, { disabled: this.#busy || this.#ticked.size < number });
    least(this.verify, 2);
    least(this.identify, 1);
    least(this.enroll, 1);
    this.identify.hidden = this.kept.hidden = this.#known === null;
    setText(this.status, this.#busy ? t("work.voices.busy") : this.#entries.length ? "" : t("work.voices.none"));
  }

  /** @param {"verify"|"identify"|"enroll"} what @param {Record<string, string>} query @returns {Promise<boolean>} whether it was done */
  async #ask(what, query) {
    this.#busy = true;
    this.#answered = null;
    this.relabel();
    this.#enable();
    try {
      this.#answered = await askOf(what, query, this.#entries.filter(({ id }) => this.#ticked.has(id)));
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    this.#busy = false;
    this.relabel();
    this.#enable();
    return !this.#answered.trouble;
  }

  /** @param {Event} event */
  async #enroll(event) {
    event.preventDefault();
    const query = { name: this.name.field.value, consent: this.consent.field.value, days: this.days.field.value };
    if (!(await this.#ask("enroll", query))) return;
    this.name.field.value = "";
    await this.#learn();
  }

  /** @param {string} name */
  async #forget(name) {
    if (!confirm(t("work.voices.forget.sure", { name }))) return;
    try {
      await forget(name);
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    await this.#learn();
  }

  async #learn() {
    try {
      this.#known = await fetchKnown();
    } catch {
      this.#known = null; // it keeps nothing, or cannot be read: voices are compared all the same
    }
    this.relabel();
    this.#enable();
  }
}

/** @param {string} type @param {string} key of its words @param {Record<string, any>} more attributes */
function input(type, key, more) {
  const field = /** @type {HTMLInputElement} */ (h("input", { type, ...more }));
  return { field, label: h("label.choice", {}, h("span", { t: key }), field) };
}
