/** A group of recordings against a reference set, both chosen among what is kept: how like it, and in what it differs. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { compare } from "./library.js";
import { measureText, table, trouble, verdictOf } from "./libraryanswers.js";
import { NameList } from "./namelist.js";
import { lost } from "./names.js";
import { sentenceText } from "./words.js";

/** @typedef {import("./library.js").Kind} Kind */

/** A reference set needs so many. */
const LEAST = 3;
/** As many as one request may name. */
const MOST = 10_000;

export class ComparisonView {
  /** @type {Kind} */ #kind = "emotion";
  /** @type {import("./library.js").Comparison|{trouble: () => string}|null} */ #answered = null;
  /** @type {string[]} */ #kept = [];
  #busy = false;

  /** @param {import("./listening.js").Listening} listening */
  constructor(listening) {
    this.listening = listening;
    this.group = new NameList("work.library.compare.group", () => [], () => this.#enable());
    this.reference = new NameList("work.library.compare.reference", () => [], () => this.#enable());
    this.compare = h("button.button.primary", { type: "button", t: "work.library.compare.ask", onclick: () => this.#ask() });
    this.status = h("p.status", { role: "status" });
    this.answer = h("div.answer");
    const set = (/** @type {string} */ key, /** @type {NameList} */ list) => h("fieldset", {}, h("legend", { t: key }), list.element);
    this.element = h("div", {}, h("p.hint", { t: "work.library.compare.about" }), h("div.sets", {}, set("work.library.compare.group", this.group), set("work.library.compare.reference", this.reference)),
      h("div.actions", {}, this.compare), this.status, this.answer);
  }

  /** @param {Kind} kind @param {string[]} kept */
  show(kind, kept) {
    if (kind !== this.#kind || lost(this.#kept, kept)) this.#answered = null;
    [this.#kind, this.#kept] = [kind, kept];
    this.group.show(kept);
    this.reference.show(kept);
    this.draw();
  }

  /** Everything is written anew, in the language in force. */
  draw() {
    this.group.draw();
    this.reference.draw();
    this.answer.replaceChildren(...this.#told());
    this.#enable();
  }

  async #ask() {
    const kind = this.#kind;
    this.#busy = true;
    this.#answered = null;
    this.draw();
    try {
      this.#answered = await compare(kind, this.group.chosen, this.reference.chosen);
    } catch (error) {
      this.#answered = { trouble: failureText(error) };
    }
    this.#busy = false;
    if (kind !== this.#kind) this.#answered = null;
    this.draw();
  }

  #enable() {
    const [group, reference] = [this.group.chosen, this.reference.chosen];
    const most = Math.max(group.length, reference.length);
    Object.assign(this.compare, { disabled: this.#busy || !group.length || reference.length < LEAST || most > MOST });
    const own = new Set(group);
    const both = reference.filter((name) => own.has(name)).length;
    setText(this.status, this.#busy ? t("work.library.compare.busy") : most > MOST ? t("work.library.compare.many", { most: MOST }) : both ? t("work.library.compare.both", { count: both }) : "");
  }

  /** @returns {HTMLElement[]} */
  #told() {
    const told = this.#answered;
    if (!told) return [];
    if ("trouble" in told) return [trouble(told.trouble)];
    const rows = told.recordings.map(({ source, cosine, verdict, reference_below }) => [h("span.name", {}, source),
      h("span.verdict", { "data-verdict": verdictOf(verdict) }, t(`work.library.verdict.${verdictOf(verdict)}`)), cosine.toFixed(2), percent(reference_below), this.listening.button(source)]);
    const count = { meets: 0, review: 0, risk: 0 };
    for (const { verdict } of told.recordings) count[verdictOf(verdict)] += 1;
    return [h("p.says", {}, sentenceText(told.sentence)), h("p", {}, t("work.library.compare.counts", count)), h("p.hint", {}, t("work.library.compare.person")), ...this.#differences(told.differences),
      table("work.library.compare", ["file", "verdict", "cosine", "below", "listen"], rows), h("p.hint", {}, t("work.library.compare.below"))];
  }

  /** @param {import("./library.js").Difference[]} all */
  #differences(all) {
    if (!all.length) return [h("p", {}, t("work.library.compare.alike"))];
    const says = (/** @type {import("./library.js").Difference} */ { measure, sentence }) => t(`work.says.${sentence.key}`, { ...sentence.values, measure: measureText(measure) });
    return [h("h4", {}, t("work.library.compare.why")), h("ul.differences", {}, ...all.map((each) => h("li", {}, says(each), " ",
      h("span.quiet", {}, t("work.library.compare.effect", { effect: Math.abs(each.effect).toFixed(1) })))))];
  }
}
