/** The files as a table, a line each, from waiting to its result; sorted by a click on a head, narrowed by filters. Some can be ticked:
 * what is done then is done with those, else with all that match. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { LABELS } from "../shared/labels.js";
import { chosen, COLUMNS, EVERYTHING, FLAT, ordered, turned } from "./rows.js";
import { line } from "./line.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {{open: (entry: Entry) => void, remove: (entry: Entry) => void, ticked: () => void, csv: (entries: Entry[]) => void,
 *   jsonl: (entries: Entry[]) => void, all: (entries: Entry[]) => void, clear: (entries: Entry[]) => void}} On
 */

/** Rows drawn at first, and with every "more". */
const AT_ONCE = 100;
const STATES = ["done", "failed", "waiting"];
const BANDS = ["high", "medium", "low", "unusable"];

export class List {
  /** @type {Map<Entry, {element: HTMLElement, stamp: string}>} */ #lines = new Map();
  /** @type {Set<Entry>} */ #ticked = new Set();
  /** @type {import("./rows.js").Order} */ #order = null;
  #filter = EVERYTHING;
  #most = AT_ONCE;
  /** @type {Entry[]} In the order of the table, those that are not drawn too. */ #matching = [];
  /** @type {Entry[]} */ #shown = [];
  /** @type {Entry[]} */ #entries = [];
  /** @type {Entry|null} */ #open = null;
  #busy = false;
  #packing = false;

  /** @param {On} on `clear`: files are to be removed */
  constructor(on) {
    this.on = on;
    this.heads = COLUMNS.map((column) => h("th", { scope: "col" }, h("button", { type: "button", t: `work.column.${column}`, onclick: () => this.#turn(column) })));
    this.tickAll = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", "t-label": "work.tick.all", onchange: () => this.#tick(this.#matching, this.tickAll.checked) }));
    this.body = h("tbody");
    const text = /** @type {HTMLInputElement} */ (h("input", { type: "search", oninput: () => this.#narrow({ text: text.value }) }));
    this.filters = h("div.filters", { role: "search", "t-label": "work.filters" }, h("label.choice", {}, h("span", { t: "work.filter.text" }), text),
      this.#select("state", STATES, (value) => `work.state.${value}`), this.#select("label", [...LABELS, FLAT], (value) => (value === FLAT ? "work.word.flat" : `shared.label.${value}`)),
      this.#select("band", BANDS, (value) => `shared.reliability.${value}`));
    this.count = h("span.quiet", { role: "status" });
    this.untick = h("button.link", { type: "button", t: "work.untick", onclick: () => this.#tick([...this.#ticked], false) });
    this.more = h("button.button", { type: "button", t: "work.more", onclick: () => this.#grow() });
    this.csv = h("button.button", { type: "button", t: "work.download.csv", onclick: () => on.csv(this.#finished()) });
    this.jsonl = h("button.button", { type: "button", t: "work.download.jsonl", onclick: () => on.jsonl(this.#finished()) });
    this.everything = h("button.button.primary", { type: "button", t: "work.download.all", onclick: () => on.all(this.#finished()) });
    this.clear = h("button.button", { type: "button", onclick: () => on.clear(this.#ticked.size ? this.ticked : this.#entries) });
    this.meant = h("p.hint");
    this.element = h("section.panel.list", { "t-label": "work.files", hidden: true }, h("div.head", {}, h("h2", { t: "work.files" }), h("div", {}, this.count, " ", this.untick)), this.filters,
      h("div.scrolls", { tabindex: "0", role: "group", "t-label": "work.files" },
        h("table", {}, h("thead", {}, h("tr", {}, h("td", {}, this.tickAll), ...this.heads, h("th", { scope: "col" }, h("span.unseen", { t: "work.column.remove" })))), this.body)),
      this.more, h("div.actions", {}, this.everything, this.csv, this.jsonl, this.clear), this.meant);
  }

  /** Of the files on the page, in their order there. @returns {Entry[]} */
  get ticked() {
    return this.#entries.filter((entry) => this.#ticked.has(entry));
  }

  /** @param {Entry[]} entries @param {Entry|null} open @param {boolean} busy whether work is going on: nothing is removed meanwhile @param {boolean} packing whether an archive is being made */
  show(entries, open, busy, packing) {
    this.#forgetAllBut(entries);
    [this.#entries, this.#open, this.#busy, this.#packing] = [entries, open, busy, packing];
    this.element.hidden = !entries.length;
    this.filters.hidden = entries.length < 2;
    this.#matching = ordered(chosen(entries, this.#filter), this.#order);
    const shown = this.#matching.slice(0, this.#most);
    for (const entry of shown) this.#line(entry, open, busy);
    if (shown.length !== this.#shown.length || shown.some((entry, i) => entry !== this.#shown[i])) {
      this.body.replaceChildren(...shown.map((entry) => /** @type {any} */ (this.#lines.get(entry)).element));
      this.#shown = shown;
    }
    this.#showHeads();
    this.#showActions();
  }

  #showHeads() {
    this.heads.forEach((head, i) => {
      const sorted = this.#order?.column === COLUMNS[i];
      if (sorted) head.setAttribute("aria-sort", this.#order?.falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const ticked = this.#matching.filter((entry) => this.#ticked.has(entry)).length;
    this.tickAll.checked = ticked > 0 && ticked === this.#matching.length;
    this.tickAll.indeterminate = ticked > 0 && ticked < this.#matching.length;
  }

  #showActions() {
    const [count, matching, ticked] = [this.#entries.length, this.#matching.length, this.#ticked.size];
    this.more.hidden = matching <= this.#shown.length;
    const found = matching < count ? t("work.matching", { matching, count }) : t("work.count", { count });
    setText(this.count, ticked ? t("work.ticked", { files: found, count: ticked }) : found);
    this.untick.hidden = !ticked;
    const finished = this.#finished();
    for (const button of [this.csv, this.jsonl, this.everything]) /** @type {HTMLButtonElement} */ (button).disabled = !finished.length;
    /** @type {HTMLButtonElement} */ (this.everything).disabled ||= this.#packing;
    this.everything.hidden = !finished.some((entry) => entry.prediction?.embeddings.length);
    setText(this.clear, ticked ? t("work.clear.ticked", { count: ticked }) : t("work.clear"));
    /** @type {HTMLButtonElement} */ (this.clear).disabled = this.#busy;
    const narrowed = ticked > 0 || matching < count;
    setText(this.meant, narrowed ? t(ticked ? "work.download.ticked" : "work.download.matching", { count: finished.length }) : "");
  }

  /** @param {Entry} entry whose line gets the focus back */
  focus(entry) {
    this.#lines.get(entry)?.element.querySelector("button")?.focus();
  }

  /** @param {Entry} entry that is about to be removed @returns {Entry|null} whose line comes to stand in its place */
  next(entry) {
    const at = this.#shown.indexOf(entry);
    return this.#shown[at + 1] ?? this.#shown[at - 1] ?? null;
  }

  /** Everything is written anew in the language in force. */
  forget() {
    this.#lines.clear();
    this.#shown = [];
  }

  /** @param {Entry[]} entries */
  #forgetAllBut(entries) {
    if (entries === this.#entries) return;
    const there = new Set(entries);
    for (const entry of this.#lines.keys()) if (!there.has(entry)) this.#lines.delete(entry);
    for (const entry of this.#ticked) if (!there.has(entry)) this.#ticked.delete(entry);
  }

  /** @param {Entry} entry @param {Entry|null} open @param {boolean} busy */
  #line(entry, open, busy) {
    const ticked = this.#ticked.has(entry);
    const stamp = [entry.state, entry.share, entry === open, busy, ticked, entry.trouble !== null].join();
    const known = this.#lines.get(entry);
    if (known?.stamp === stamp) return;
    const element = line(entry, { open: entry === open, busy, ticked }, { ...this.on, tick: (on) => this.#tick([entry], on) }, known?.element);
    this.#lines.set(entry, { element, stamp });
  }

  /** @param {Entry[]} some @param {boolean} on */
  #tick(some, on) {
    for (const entry of some) {
      if (on) this.#ticked.add(entry);
      else this.#ticked.delete(entry);
    }
    this.#again();
    this.on.ticked();
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
    this.show(this.#entries, this.#open, this.#busy, this.#packing);
  }

  /** What is downloaded, in the order shown: of the ticked files, or else of those that match, the ones that have a line of result. */
  #finished() {
    const meant = this.#ticked.size ? ordered(this.ticked, this.#order) : this.#matching;
    return meant.filter((entry) => entry.prediction);
  }

  /** @param {"state"|"label"|"band"} name @param {readonly string[]} values @param {(value: string) => string} key */
  #select(name, values, key) {
    const field = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#narrow({ [name]: field.value }) },
      h("option", { value: "", t: `work.filter.any.${name}` }), ...values.map((value) => h("option", { value, t: key(value) }))));
    return h("label.choice", {}, h("span", { t: `work.filter.${name}` }), field);
  }
}
