/** Voiceprints: who is known, for what and until when; made of the ticked recordings, renamed, deleted, taken to another server and brought from one. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { knownTable } from "./knowntable.js";
import { save } from "./saving.js";
import { answer } from "./voiceanswers.js";
import { askOf, fetchExport, fetchKnown, forget, forgetAll, MOST_AT_ONCE, rename, takeIn } from "./voicejobs.js";

/** @typedef {import("./entries.js").Entry} Entry */

const MOST_NAME = 128;

export class VoiceprintsView {
  /** @type {Entry[]} */ #ticked = [];
  /** @type {any} What was answered last, as `answer` takes it. */ #answered = null;
  /** @type {import("./voicejobs.js").Known[]|null} null: this server keeps no voiceprints */ #known = null;
  /** @type {string|null} Who is being given another name. */ #renaming = null;
  #model = "";
  #busy = false;

  constructor() {
    this.name = field("text", "work.voices.name", { required: true, maxlength: MOST_NAME });
    this.consent = field("text", "work.voices.consent", { required: true, maxlength: 500 });
    this.days = field("number", "work.voices.days", { required: true, min: 1, max: 36500, value: 365 });
    this.replace = tick("work.voices.replace");
    this.enroll = /** @type {HTMLButtonElement} */ (h("button.button.primary"));
    this.form = h("form", { onsubmit: (/** @type {Event} */ event) => this.#enroll(event) },
      h("div.filters", {}, this.name.label, this.consent.label, this.days.label), h("div.filters", {}, this.replace.label, this.enroll));
    this.said = h("div.answer", { "aria-live": "polite" });
    this.known = h("div.known");
    this.summary = h("summary");
    this.overwrite = tick("work.voices.import.replace");
    const file = /** @type {HTMLInputElement} */ (h("input.unseen", { type: "file", id: "voices-import", accept: ".json,application/json", onchange: () => this.#import(file) }));
    this.export = h("button.button", { type: "button", t: "work.voices.export", onclick: () => this.#export() });
    this.forget = h("button.button", { type: "button", t: "work.voices.forget.all", onclick: () => this.#forgetAll() });
    this.element = h("details", { hidden: true }, this.summary, h("p.hint", { t: "work.voices.biometric" }), this.form, this.said, this.known,
      h("div.filters.moves", {}, this.export, h("span", {}, file, h("label.button", { for: "voices-import", t: "work.voices.import" })), this.overwrite.label, this.forget));
    this.relabel();
  }

  /** @param {string} model that tells voices apart */
  async begin(model) {
    this.#model = model;
    await this.#learn();
  }

  get keeps() {
    return this.#known !== null;
  }

  /** @param {Entry[]} ticked */
  show(ticked) {
    this.#ticked = ticked;
    this.#enable();
  }

  /** Everything is written anew in the language in force. */
  relabel() {
    const known = this.#known ?? [];
    this.said.replaceChildren(...(this.#answered ? answer(this.#answered) : []));
    this.known.replaceChildren(knownTable(known, this.#model, this.#renaming, {
      begin: (name) => this.#beginRenaming(name), rename: (name, wanted) => this.#rename(name, wanted), forget: (name) => this.#forget(name),
    }));
    setText(this.summary, this.#known ? t("work.voices.known.count", { count: known.length }) : t("work.voices.known"));
    this.#enable();
  }

  #enable() {
    const count = this.#ticked.length;
    this.element.hidden = !this.keeps;
    this.enroll.disabled = this.#busy || !count || count > MOST_AT_ONCE;
    setText(this.enroll, this.#busy ? t("work.voices.busy") : count ? t("work.voices.enroll", { count }) : t("work.voices.enroll.none"));
    for (const button of [this.export, this.forget]) button.hidden = !this.#known?.length;
  }

  /** @param {Event} event */
  async #enroll(event) {
    event.preventDefault();
    const query = { name: this.name.field.value.trim(), consent: this.consent.field.value, days: this.days.field.value, replace: String(this.replace.field.checked) };
    if (await this.#do(() => askOf("enroll", query, this.#ticked))) this.name.field.value = "";
  }

  /** @param {string|null} name null: nobody after all */
  #beginRenaming(name) {
    this.#renaming = name;
    this.relabel();
    this.known.querySelector("input")?.select();
  }

  /** @param {string} name @param {string} wanted */
  async #rename(name, wanted) {
    if (wanted === name || (await this.#do(() => rename(name, wanted)))) this.#beginRenaming(null);
    else this.known.querySelector("input")?.focus();
  }

  /** @param {string} name */
  async #forget(name) {
    if (confirm(t("work.voices.forget.sure", { name }))) await this.#do(() => forget(name));
  }

  async #forgetAll() {
    if (confirm(t("work.voices.forget.all.sure", { count: this.#known?.length ?? 0 }))) await this.#do(() => forgetAll());
  }

  async #export() {
    const sealed = this.#known?.some(({ encrypted }) => encrypted);
    if (!confirm(t(sealed ? "work.voices.export.sealed" : "work.voices.export.plain"))) return;
    await this.#do(async () => {
      save("voiceprints.json", [await fetchExport()], "application/json");
      return null;
    });
  }

  /** @param {HTMLInputElement} chooser */
  async #import(chooser) {
    const file = chooser.files?.[0];
    chooser.value = ""; // so that the same can be chosen again
    if (file) await this.#do(() => takeIn(file, this.overwrite.field.checked));
  }

  /** One thing at a time; what came of it, or went wrong, is said, and who is known is looked up anew.
   * @param {() => Promise<any>} work @returns {Promise<boolean>} whether it was done */
  async #do(work) {
    if (this.#busy) return false;
    this.#busy = true;
    this.#answered = null;
    this.#enable();
    try {
      this.#answered = await work();
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    this.#busy = false;
    await this.#learn();
    return !this.#answered?.trouble;
  }

  async #learn() {
    try {
      this.#known = await fetchKnown();
    } catch {
      this.#known = null; // it keeps nothing, or cannot be read: voices are compared all the same
    }
    this.relabel();
  }
}

/** @param {string} type @param {string} key of its words @param {Record<string, any>} more attributes */
function field(type, key, more) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type, ...more }));
  return { field: input, label: h("label.choice", {}, h("span", { t: key }), input) };
}

/** @param {string} key of its words */
function tick(key) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox" }));
  return { field: input, label: h("label.box", {}, input, h("span", { t: key })) };
}
