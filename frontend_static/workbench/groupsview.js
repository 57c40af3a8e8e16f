/** Groups: what is kept, or what the page has of it, sorted by likeness; each group to look at on the map, and to listen to. */
import { failureText } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { fetchExport, group } from "./library.js";
import { trouble } from "./libraryanswers.js";
import { GroupsAnswer } from "./groupsanswer.js";
import { lost } from "./names.js";
import { groupsCsv } from "./rows.js";
import { save } from "./saving.js";

/**
 * @typedef {import("./library.js").Kind} Kind
 * @typedef {import("./library.js").Clustered} Clustered
 */

const LEAST = 3;
/** As many as the server takes, for both take longer with the square of their number. @type {Record<string, number>} */
const MOST = { hdbscan: 20_000, tsne: 5000 };
/** As many as a request may name. */
const MOST_NAMED = 10_000;

export class GroupsView {
  /** @type {Kind} */ #kind = "emotion";
  /** @type {string[]} */ #kept = [];
  /** @type {string[]} Those of the page that are kept. */ #here = [];
  /** @type {AbortController|null} While it is worked on. */ #stop = null;
  #began_ms = 0;
  #timer = 0;
  /** @type {{clustered: Clustered, method: string}|{trouble: () => string}|null} */ #answered = null;
  /** @type {(() => string)|null} What went wrong with a download. */ #failed = null;

  /** @param {import("./listening.js").Listening} listening @param {(name: string) => void} alike told to search for one @param {(name: string) => void} open told to show the result of one */
  constructor(listening, alike, open) {
    const select = (/** @type {string} */ name, /** @type {string[]} */ values) => /** @type {HTMLSelectElement} */ (h("select", {}, ...values.map((value) => h("option", { value, t: `work.library.groups.${name}.${value || "none"}` }))));
    const choice = (/** @type {string} */ name, /** @type {HTMLElement} */ field) => h("label.choice", {}, h("span", { t: `work.library.groups.${name}` }), field);
    this.which = select("which", ["all", "here"]);
    this.method = select("method", ["kmeans", "hdbscan"]);
    this.count = /** @type {HTMLInputElement} */ (h("input", { type: "number", min: 2, max: 100, "aria-describedby": "library-count" }));
    this.how_many = choice("count", this.count);
    this.map = select("map", ["pca", "tsne"]);
    for (const field of [this.which, this.method, this.map]) field.addEventListener("change", () => this.#enable());
    this.start = h("button.button.primary", { onclick: (/** @type {Event} */ event) => this.#toggle(event) });
    this.status = h("p.status"); // tells the seconds; what is found is announced
    this.trouble = h("div");
    this.answer = new GroupsAnswer(listening, alike, open);
    this.dimensions = select("dimensions", ["", "24", "16"]);
    this.csv = h("button.button", { type: "button", t: "work.library.groups.csv", onclick: () => this.#saveTable() });
    this.zip = h("button.button", { type: "button", t: "work.library.groups.zip", onclick: () => this.#saveExport() });
    this.files = h("div.files", {}, h("div.filters", {}, this.csv, choice("dimensions", this.dimensions), this.zip), h("p.hint", { t: "work.library.groups.files" }));
    this.element = h("div", {}, h("p.hint", { t: "work.library.groups.about" }), h("form.filters", { onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, choice("which", this.which), choice("method", this.method), this.how_many, choice("map", this.map), this.start),
      h("p.hint", { id: "library-count", t: "work.library.groups.found" }), this.status, this.trouble, this.answer.element, this.files);
  }

  /** @param {Kind} kind @param {string[]} kept @param {string[]} here names of the page */
  show(kind, kept, here) {
    if (kind !== this.#kind) this.#stop?.abort();
    if (kind !== this.#kind || lost(this.#kept, kept)) this.#answered = null;
    this.#kind = kind;
    this.#kept = kept;
    const known = new Set(kept);
    this.#here = here.filter((name) => known.has(name));
    this.draw();
  }

  /** Everything is written anew, in the language in force. */
  draw() {
    const told = this.#answered;
    const some = told && "clustered" in told ? told.clustered : null;
    this.trouble.replaceChildren(...(told && "trouble" in told ? [trouble(told.trouble)] : []), ...(this.#failed ? [trouble(this.#failed)] : []));
    this.answer.show(some);
    this.files.hidden = !some;
    this.#enable();
  }

  /** @returns {string[]} of what groups are made */
  get #chosen() {
    return this.which.value === "here" ? this.#here : this.#kept;
  }

  #enable() {
    const busy = this.#stop !== null;
    const count = this.#chosen.length;
    this.how_many.hidden = this.method.value !== "kmeans";
    this.count.max = String(Math.min(100, Math.max(2, count)));
    setText(this.start, t(busy ? "work.stop" : "work.library.groups.start"));
    const beyond = [this.method.value, this.map.value].find((name) => count > MOST[name]);
    Object.assign(this.start, { disabled: !busy && (count < LEAST || beyond) });
    for (const field of [this.which, this.method, this.count, this.map]) field.disabled = busy;
    const seconds = Math.floor((performance.now() - this.#began_ms) / 1000);
    setText(this.status, busy ? t("work.library.groups.busy", { count, time: t("work.seconds", { value: seconds }) }) : count < LEAST ? t("work.library.groups.few", { count, least: LEAST })
      : beyond ? t(`work.library.groups.beyond.${beyond}`, { count, most: MOST[beyond] }) : t("work.library.groups.of", { count }));
  }

  /** @param {Event} event */
  #toggle(event) {
    event.preventDefault();
    if (this.#stop) this.#stop.abort();
    else if (this.method.value !== "kmeans" || this.count.reportValidity()) this.#ask();
  }

  async #ask() {
    const stop = new AbortController();
    const sources = this.which.value === "here" ? this.#here : null;
    const asked = { method: this.method.value, count: this.method.value === "kmeans" ? this.count.value : "", map: this.map.value };
    this.#stop = stop;
    this.#began_ms = performance.now();
    this.#timer = setInterval(() => this.#enable(), 1000);
    this.#answered = this.#failed = null;
    this.draw();
    try {
      const clustered = await group(this.#kind, asked, sources, stop.signal);
      if (!stop.signal.aborted) this.#answered = { clustered, method: asked.method };
    } catch (error) {
      if (!stop.signal.aborted) this.#answered = { trouble: failureText(error) };
    }
    clearInterval(this.#timer);
    this.#stop = null;
    this.draw();
  }

  #saveTable() {
    if (this.#answered && "clustered" in this.#answered) save("groups.csv", [groupsCsv(this.#answered.clustered.items)], "text/csv");
  }

  async #saveExport() {
    const told = this.#answered;
    if (!told || !("clustered" in told)) return;
    Object.assign(this.zip, { disabled: true });
    const count = told.method === "kmeans" ? String(told.clustered.clustering.clusters.length) : ""; // the same groups, without trying others
    const sources = [...new Set(told.clustered.items.map(({ source }) => source))]; // others may be kept by now
    this.#failed = null;
    try {
      save("embeddings.zip", [await fetchExport(this.#kind, { method: told.method, count, dimensions: this.dimensions.value }, sources.length > MOST_NAMED ? null : sources)], "application/zip");
    } catch (error) {
      this.#failed = failureText(error);
    }
    Object.assign(this.zip, { disabled: false });
    this.draw();
  }
}
