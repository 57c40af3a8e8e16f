/** Search: which of what is kept is most like a recording of the page, or like one that is kept itself? */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { search } from "./library.js";
import { table, trouble } from "./libraryanswers.js";
import { lost } from "./names.js";
import { sentenceText } from "./words.js";

/** @typedef {import("./library.js").Kind} Kind */

const COUNTS = ["10", "25", "100"];
/** Names that are offered while one is typed. */
const MOST_OFFERED = 2000;

export class AlikeView {
  /** @type {Kind} */ #kind = "emotion";
  /** @type {Set<string>} */ #kept = new Set();
  /** @type {{name: string, found: import("./library.js").Found}|{trouble: () => string}|null} */ #answered = null;
  #busy = false;

  /** @param {import("./listening.js").Listening} listening */
  constructor(listening) {
    this.listening = listening;
    this.names = h("datalist", { id: "library-names" });
    this.query = /** @type {HTMLInputElement} */ (h("input", { type: "search", list: "library-names", autocomplete: "off", required: true, oninput: () => this.#enable() }));
    this.count = /** @type {HTMLSelectElement} */ (h("select", {}, ...COUNTS.map((value) => h("option", { value }, value))));
    this.find = h("button.button.primary", { t: "work.library.search.find" });
    this.status = h("p.status", { role: "status" });
    this.answer = h("div.answer.hits");
    this.element = h("div", {}, h("p.hint", { t: "work.library.search.about" }),
      h("form.filters", { onsubmit: (/** @type {Event} */ event) => this.#asked(event) }, h("label.choice.wide", {}, h("span", { t: "work.library.search.query" }), this.query), this.names,
        h("label.choice", {}, h("span", { t: "work.library.search.count" }), this.count), this.find), this.status, this.answer);
  }

  /** @param {Kind} kind @param {string[]} kept @param {string[]} here names of the page */
  show(kind, kept, here) {
    if (kind !== this.#kind || lost([...this.#kept], kept)) this.#answered = null;
    this.#kind = kind;
    this.#kept = new Set(kept);
    const offered = [...new Set([...here, ...kept])].slice(0, MOST_OFFERED);
    this.names.replaceChildren(...offered.map((value) => h("option", { value })));
    this.draw();
  }

  /** Everything is written anew, in the language in force. */
  draw() {
    this.answer.replaceChildren(...this.#told());
    this.#enable();
  }

  /** @param {string} name what is searched for now */
  async ask(name) {
    this.query.value = name;
    this.#busy = true;
    this.#answered = null;
    this.draw();
    const kind = this.#kind;
    try {
      const entry = this.listening.find(name);
      const found = await search(kind, this.#kept.has(name) || !entry ? name : entry, Number(this.count.value));
      this.#answered = { name, found };
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    this.#busy = false;
    if (kind !== this.#kind) this.#answered = null;
    this.draw();
  }

  /** @param {Event} event */
  #asked(event) {
    event.preventDefault();
    this.ask(this.query.value);
  }

  #enable() {
    const name = this.query.value;
    const known = this.#kept.has(name) || this.listening.has(name);
    Object.assign(this.find, { disabled: this.#busy || !this.#kept.size || !known });
    const key = this.#busy ? "busy" : !this.#kept.size ? "none" : name && !known ? "unknown" : "";
    setText(this.status, key ? t(`work.library.search.${key}`) : "");
  }

  /** @returns {HTMLElement[]} */
  #told() {
    const told = this.#answered;
    if (!told) return [];
    if ("trouble" in told) return [trouble(told.trouble)];
    const { name, found } = told;
    if (!found.hits.length) return [h("p.says", {}, t("work.library.search.nothing"))];
    const words = this.#kind === "emotion"; // of voices a cosine means something else at every length
    const rows = found.hits.map(({ source, start_s, cosine, sentence }) => [h("span.name", {}, source), cosine.toFixed(2), ...(words ? [sentenceText(sentence)] : []),
      this.listening.button(source, start_s), h("button.link", { type: "button", "aria-label": t("work.library.alike.of", { name: source }), onclick: () => this.ask(source) }, t("work.library.alike"))]);
    return [h("p.says", {}, t("work.library.search.like", { name })), h("p.hint", {}, t("work.library.search.among", { count: found.among })),
      table("work.library.search", ["file", "cosine", ...(words ? ["word"] : []), "listen", "alike"], rows), ...(words ? [] : [h("p.hint", {}, t("work.library.search.voices"))])];
  }
}
