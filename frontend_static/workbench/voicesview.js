/** Voices: do the ticked recordings have the same speaker, and whose voice is it. Nothing here authenticates anyone. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { answer } from "./voiceanswers.js";
import { askOf, MOST_AT_ONCE } from "./voicejobs.js";
import { VoiceprintsView } from "./voiceprintsview.js";

/** @typedef {import("./entries.js").Entry} Entry */

const PURPOSES = ["access", "identity", "grouping"];
/** So many names are told of what is ticked. */
const MOST_NAMED = 5;

export class VoicesView {
  /** @type {Entry[]} What is ticked in the list of files. */ #ticked = [];
  #files = 0;
  /** @type {any} What was answered last. */ #answered = null;
  #busy = false;

  constructor() {
    this.meant = h("p.meant");
    this.purpose = /** @type {HTMLSelectElement} */ (h("select", {}, ...PURPOSES.map((value) => h("option", { value, t: `work.voices.purpose.${value}` }))));
    this.purpose.value = "identity";
    this.verify = /** @type {HTMLButtonElement} */ (h("button.button.primary", { type: "button", t: "work.voices.verify", onclick: () => this.#ask("verify", { purpose: this.purpose.value }) }));
    this.identify = /** @type {HTMLButtonElement} */ (h("button.button", { type: "button", t: "work.voices.identify", onclick: () => this.#ask("identify", {}) }));
    this.status = h("p.status", { role: "status" });
    this.answer = h("div.answer", { "aria-live": "polite" });
    this.kept = new VoiceprintsView();
    this.element = h("section.panel.voices", { "t-label": "work.voices", hidden: true }, h("h2", { t: "work.voices" }), h("p.hint", { t: "work.voices.about" }), this.meant,
      h("div.filters", {}, h("label.choice", {}, h("span", { t: "work.voices.purpose" }), this.purpose), this.verify, this.identify), this.status, this.answer, this.kept.element);
  }

  /** The server can tell voices apart: show it, and who is known if that is kept. @param {string} model that tells them apart */
  async begin(model) {
    this.element.hidden = false;
    await this.kept.begin(model);
    this.#enable();
  }

  /** @param {Entry[]} ticked @param {number} files on the page */
  show(ticked, files) {
    [this.#ticked, this.#files] = [ticked, files];
    this.kept.show(ticked);
    this.#enable();
  }

  /** Everything is written anew in the language in force. */
  relabel() {
    this.answer.replaceChildren(...(this.#answered ? answer(this.#answered) : []));
    this.kept.relabel();
    this.#enable();
  }

  #enable() {
    const count = this.#ticked.length;
    const may = (/** @type {number} */ least) => !this.#busy && count >= least && count <= MOST_AT_ONCE;
    this.verify.disabled = !may(2);
    this.identify.disabled = !may(1);
    this.identify.hidden = !this.kept.keeps;
    setText(this.status, this.#busy ? t("work.voices.busy") : "");
    setText(this.meant, this.#means());
  }

  /** @returns {string} which recordings are meant, or how they are chosen */
  #means() {
    const count = this.#ticked.length;
    if (!this.#files) return t("work.voices.none");
    if (!count) return t(this.kept.keeps ? "work.voices.tick" : "work.voices.tick_two");
    if (count > MOST_AT_ONCE) return t("work.voices.too_many", { count, most: MOST_AT_ONCE });
    const names = this.#ticked.slice(0, MOST_NAMED).map(({ name }) => name).join(t("work.voices.comma"));
    return t("work.voices.of", { names: count > MOST_NAMED ? t("work.voices.of_more", { names, count: count - MOST_NAMED }) : names, count });
  }

  /** @param {"verify"|"identify"} what @param {Record<string, string>} query */
  async #ask(what, query) {
    this.#busy = true;
    this.#answered = null;
    this.relabel();
    try {
      this.#answered = await askOf(what, query, this.#ticked);
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    this.#busy = false;
    this.relabel();
  }
}
