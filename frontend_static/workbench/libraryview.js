/** The library: embeddings that are kept of recordings, to be searched, grouped and compared; the recordings are not kept. */
import { ApiError, failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { AlikeView } from "./alikeview.js";
import { ComparisonView } from "./comparisonview.js";
import { GroupsView } from "./groupsview.js";
import { server } from "./jobs.js";
import { Keeping } from "./keeping.js";
import { KeepView } from "./keepview.js";
import { fetchKept, forget, keep } from "./library.js";
import { trouble } from "./libraryanswers.js";
import { Listening } from "./listening.js";
import { NameList } from "./namelist.js";
import { Tabs } from "./tabs.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./library.js").Kind} Kind
 * @typedef {{emotion: {name: string}|null, speaker: {name: string}|null}} Models
 */

const KINDS = /** @type {const} */ (["emotion", "speaker"]);

export class LibraryView {
  /** @type {Kind} */ #kind = "emotion";
  /** @type {Models} */ #models = { emotion: null, speaker: null };
  /** @type {string[]|null} By the model in use; null: this server keeps nothing, or it is not known yet. */ #kept = null;
  /** By models that are not in use any more. */ #others = 0;
  /** @type {(() => string)|null} */ #trouble = null;
  /** @type {Entry[]} */ #entries = [];
  /** @type {Entry[]} */ #ticked = [];
  /** @type {Keeping|null} */ #keeping = null;

  /** @param {(entry: Entry) => void} open told to show the result of a recording */
  constructor(open) {
    this.element = h("section.panel.library", { "t-label": "work.library", hidden: true });
    this.listening = new Listening(this.element);
    this.kind = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#choose(/** @type {Kind} */ (this.kind.value)) }));
    this.keep = new KeepView({ keep: (entries) => this.#keep(entries), stop: () => this.#keeping?.stop() });
    this.said = h("div");
    this.names = new NameList("work.library.kept", (name) => this.#row(name), null);
    this.forget_all = h("button.button", { type: "button", t: "work.library.forget.all", onclick: () => this.#forget(null) });
    this.summary = h("summary");
    this.kept = h("details.kept", {}, this.summary, this.names.element, h("div.actions", {}, this.forget_all));
    this.alike = new AlikeView(this.listening);
    this.groups = new GroupsView(this.listening, (name) => this.#alike(name), (name) => {
      const entry = this.listening.find(name);
      if (entry) open(entry);
    });
    this.comparison = new ComparisonView(this.listening);
    this.tabs = new Tabs("work.library.tabs", [["work.library.search", this.alike.element], ["work.library.groups", this.groups.element], ["work.library.compare", this.comparison.element]]);
    this.whole = h("div", { hidden: true }, this.keep.element, this.kept, this.tabs.element);
    this.element.append(h("h2", { t: "work.library" }), h("p.hint", { t: "work.library.about" }),
      h("div.filters", {}, h("label.choice", {}, h("span", { t: "work.library.kind" }), this.kind)), this.said, this.whole);
  }

  /** Whether recordings are being kept: who leaves stops that. */
  get busy() {
    return this.#keeping !== null;
  }

  /** @param {Models} models of the server */
  async begin(models) {
    this.#models = models;
    const kinds = KINDS.filter((kind) => models[kind]);
    if (!kinds.length) return;
    this.kind.replaceChildren(...kinds.map((kind) => h("option", { value: kind, t: `work.library.kind.${kind}` })));
    this.element.hidden = false;
    await this.#choose(kinds[0]);
  }

  /** @param {Entry[]} entries of the page @param {Entry[]} ticked those of them that are ticked */
  show(entries, ticked) {
    const others = this.listening.show(entries);
    const same = ticked.length === this.#ticked.length && ticked.every((entry, i) => entry === this.#ticked[i]);
    [this.#entries, this.#ticked] = [[...entries], ticked];
    if (others) this.#draw();
    else if (!same) this.#drawKeep();
  }

  relabel() {
    this.#draw();
  }

  /** @param {Kind} kind */
  async #choose(kind) {
    this.#kind = this.kind.value = kind;
    this.#kept = null;
    this.listening.stop();
    await this.#learn();
  }

  /** What is kept by now. */
  async #learn() {
    const kind = this.#kind;
    let [kept, others, trouble] = [/** @type {string[]|null} */ (null), 0, /** @type {(() => string)|null} */ (null)];
    try {
      const models = await fetchKept(kind);
      kept = models[this.#models[kind]?.name ?? ""] ?? [];
      others = Object.values(models).reduce((sum, names) => sum + names.length, 0) - kept.length;
    } catch (error) {
      const nothing = error instanceof ApiError && error.code === "history.unavailable";
      trouble = nothing ? () => t("work.library.nothing") : failureText(error);
    }
    if (kind !== this.#kind) return; // another was chosen meanwhile
    [this.#kept, this.#others, this.#trouble] = [kept, others, trouble];
    this.#draw();
  }

  #draw() {
    this.said.replaceChildren(...(this.#trouble ? [trouble(this.#trouble)] : []));
    this.whole.hidden = this.#kept === null;
    this.kind.disabled = this.#keeping !== null;
    const kept = this.#kept ?? [];
    const here = this.#entries.map(({ name }) => name);
    setText(this.summary, [t(`work.library.kept.${this.#kind}`, { count: kept.length }), this.#others ? t("work.library.kept.others", { count: this.#others }) : ""].filter(Boolean).join(" "));
    this.names.show(kept);
    Object.assign(this.forget_all, { disabled: !kept.length && !this.#others });
    this.alike.show(this.#kind, kept, here);
    this.groups.show(this.#kind, kept, here);
    this.comparison.show(this.#kind, kept);
    this.#drawKeep();
  }

  #drawKeep() {
    this.keep.show(this.#kind, this.#entries, this.#ticked, new Set(this.#kept ?? []), this.#keeping);
  }

  /** @param {Entry[]} entries */
  async #keep(entries) {
    const keeping = new Keeping({ keep, readable: server.readable, wait: server.wait }, () => this.#drawKeep());
    this.#keeping = keeping;
    const going = keeping.go(this.#kind, entries);
    this.#draw();
    await going;
    this.#keeping = null;
    this.keep.tell(keeping, this.#entries.length);
    await this.#learn();
  }

  /** @param {string} name */
  #row(name) {
    const button = (/** @type {string} */ key, /** @type {() => void} */ onclick) => h("button.link", { type: "button", "aria-label": t(`work.library.${key}.of`, { name }), onclick }, t(`work.library.${key}`));
    return [this.listening.button(name), button("alike", () => this.#alike(name)), button("forget", () => this.#forget(name))];
  }

  /** @param {string} name */
  #alike(name) {
    this.tabs.choose(0);
    this.alike.ask(name);
  }

  /** @param {string|null} name null: all of the kind */
  async #forget(name) {
    const sure = name === null ? t(`work.library.forget.all.${this.#kind}`, { count: (this.#kept?.length ?? 0) + this.#others }) : t("work.library.forget.sure", { name });
    if (!confirm(sure)) return;
    try {
      await forget(this.#kind, name);
    } catch (error) {
      this.#trouble = failureText(error);
      this.#draw();
      return;
    }
    await this.#learn();
  }
}
