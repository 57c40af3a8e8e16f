/** The files as a table, a line each, from waiting to its result; sorted by a click on a head, narrowed by filters. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { LABELS } from "../shared/labels.js";
import { chosen, COLUMNS, EVERYTHING, ordered, turned } from "./rows.js";
import { line } from "./line.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {{open: (entry: Entry) => void, remove: (entry: Entry) => void, csv: (entries: Entry[]) => void, jsonl: (entries: Entry[]) => void, all: (() => void), clear: () => void}} On
 */

/** Rows drawn at first, and with every "more". */
const AT_ONCE = 100;
const STATES = ["done", "failed", "waiting"];
const BANDS = ["high", "medium", "low", "unusable"];

export class List {
  /** @type {Map<number, {element: HTMLElement, stamp: string}>} */ #lines = new Map();
  /** @type {import("./rows.js").Order} */ #order = null;
  #filter = EVERYTHING;
  #most = AT_ONCE;
  /** @type {Entry[]} */ #shown = [];
  /** @type {Entry[]} */ #entries = [];
  /** @type {Entry|null} */ #open = null;

  /** @param {On} on */
  constructor(on) {
    this.on = on;
    this.heads = COLUMNS.map((column) => h("th", { scope: "col" }, h("button", { type: "button", t: `work.column.${column}`, onclick: () => this.#turn(column) })));
    this.body = h("tbody");
    const text = /** @type {HTMLInputElement} */ (h("input", { type: "search", oninput: () => this.#narrow({ text: text.value }) }));
    this.filters = h("div.filters", { role: "search", "t-label": "work.filters" }, h("label.choice", {}, h("span", { t: "work.filter.text" }), text),
      this.#select("state", STATES, (value) => `work.state.${value}`), this.#select("label", LABELS, (value) => `shared.label.${value}`),
      this.#select("band", BANDS, (value) => `shared.reliability.${value}`));
    this.count = h("span.quiet");
    this.more = h("button.button", { type: "button", t: "work.more", onclick: () => this.#grow() });
    this.csv = h("button.button", { type: "button", t: "work.download.csv", onclick: () => on.csv(this.#finished()) });
    this.jsonl = h("button.button", { type: "button", t: "work.download.jsonl", onclick: () => on.jsonl(this.#finished()) });
    this.everything = h("button.button.primary", { type: "button", t: "work.download.all", onclick: () => on.all() });
    this.clear = h("button.button", { type: "button", t: "work.clear", onclick: () => on.clear() });
    this.element = h("section.panel.list", { "t-label": "work.files", hidden: true }, h("div.head", {}, h("h2", { t: "work.files" }), this.count), this.filters,
      h("div.scrolls", { tabindex: "0", role: "group", "t-label": "work.files" },
        h("table", {}, h("thead", {}, h("tr", {}, ...this.heads, h("th", { scope: "col" }, h("span.unseen", { t: "work.column.remove" })))), this.body)),
      this.more, h("div.actions", {}, this.everything, this.csv, this.jsonl, this.clear));
  }

  /** @param {Entry[]} entries @param {Entry|null} open @param {boolean} busy whether work is going on: nothing is removed meanwhile */
  show(entries, open, busy) {
    [this.#entries, this.#open] = [entries, open];
    this.element.hidden = !entries.length;
    this.filters.hidden = entries.length < 2;
    const matching = ordered(chosen(entries, this.#filter), this.#order);
    const shown = matching.slice(0, this.#most);
    for (const entry of shown) this.#line(entry, open, busy);
    if (shown.length !== this.#shown.length || shown.some((entry, i) => entry !== this.#shown[i])) {
      this.body.replaceChildren(...shown.map((entry) => /** @type {any} */ (this.#lines.get(entry.id)).element));
      this.#shown = shown;
    }
    this.heads.forEach((head, i) => {
      const sorted = this.#order?.column === COLUMNS[i];
      if (sorted) head.setAttribute("aria-sort", this.#order?.falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.more.hidden = matching.length <= shown.length;
    setText(this.count, matching.length < entries.length ? t("work.matching", { matching: matching.length, count: entries.length }) : t("work.count", { count: entries.length }));
    const any = entries.some((entry) => entry.prediction);
    for (const button of [this.csv, this.jsonl, this.everything]) /** @type {HTMLButtonElement} */ (button).disabled = !any;
    this.everything.hidden = !entries.some((entry) => entry.prediction?.embeddings.length);
    /** @type {HTMLButtonElement} */ (this.clear).disabled = busy;
  }

  /** @param {Entry} entry whose line gets the focus back */
  focus(entry) {
    this.#lines.get(entry.id)?.element.querySelector("button")?.focus();
  }

  /** Everything is written anew in the language in force. */
  forget() {
    this.#lines.clear();
    this.#shown = [];
  }

  /** @param {Entry} entry @param {Entry|null} open @param {boolean} busy */
  #line(entry, open, busy) {
    const stamp = [entry.state, entry.share, entry === open, busy, entry.trouble !== null].join();
    const known = this.#lines.get(entry.id);
    if (known?.stamp === stamp) return;
    const element = line(entry, entry === open, busy, this.on, known?.element);
    this.#lines.set(entry.id, { element, stamp });
  }

  /** @param {import("./rows.js").Column} column */
  #turn(column) {
    this.#order = turned(this.#order, column);
    this.#again();
  }

  /** @param {Partial<import("./rows.js").Filter>} change */
  #narrow(change) {
    this.#filter = { ...this.#filter, ...change };
    this.#most = AT_ONCE;
    this.#again();
  }

  #grow() {
    this.#most += AT_ONCE;
    this.#again();
  }

  #again() {
    this.show(this.#entries, this.#open, /** @type {HTMLButtonElement} */ (this.clear).disabled);
  }

  /** What is downloaded: the matching files that have a line of result, in the order shown. */
  #finished() {
    return ordered(chosen(this.#entries, this.#filter), this.#order).filter((entry) => entry.prediction);
  }

  /** @param {"state"|"label"|"band"} name @param {readonly string[]} values @param {(value: string) => string} key */
  #select(name, values, key) {
    const field = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#narrow({ [name]: field.value }) },
      h("option", { value: "", t: `work.filter.any.${name}` }), ...values.map((value) => h("option", { value, t: key(value) }))));
    return h("label.choice", {}, h("span", { t: `work.filter.${name}` }), field);
  }
}
