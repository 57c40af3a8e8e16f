/** A list of names, thousands of them, narrowed by a search and by folder; with ticks where some are to be chosen. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { folders, matching } from "./names.js";

/** Rows drawn at first, and with every "more". */
const AT_ONCE = 100;

export class NameList {
  /** @type {string[]} */ #names = [];
  /** @type {Set<string>} */ #ticked = new Set();
  #most = AT_ONCE;

  /**
   * @param {string} title key of what the list is called @param {(name: string) => Node[]} about what stands behind a name
   * @param {(() => void)|null} ticked told of other ticks; null: there are none
   */
  constructor(title, about, ticked) {
    this.about = about;
    this.ticked = ticked;
    this.text = /** @type {HTMLInputElement} */ (h("input", { type: "search", oninput: () => this.#narrow() }));
    this.folder = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#narrow() }));
    this.in_folder = h("label.choice", {}, h("span", { t: "work.library.folder" }), this.folder);
    this.count = h("span.quiet", { role: "status" });
    this.all = h("button.link", { type: "button", hidden: !ticked, onclick: () => this.#tick(true) });
    this.none = h("button.link", { type: "button", hidden: !ticked, t: "work.library.untick", onclick: () => this.#tick(false) });
    this.rows = h("ul.names", { "t-label": title });
    this.more = h("button.button", { type: "button", t: "work.more", onclick: () => this.#grow() });
    this.element = h("div.namelist", {}, h("div.filters", {}, h("label.choice", {}, h("span", { t: "work.library.find" }), this.text), this.in_folder),
      h("div.marks", {}, this.count, this.all, this.none), h("div.scrolls", { tabindex: "0", role: "group", "t-label": title }, this.rows, this.more));
  }

  /** What is ticked, in the order of the list. */
  get chosen() {
    return this.#names.filter((name) => this.#ticked.has(name));
  }

  /** @param {string[]} names */
  show(names) {
    this.#names = names;
    const known = new Set(names);
    for (const name of this.#ticked) if (!known.has(name)) this.#ticked.delete(name);
    const before = this.folder.value;
    const found = folders(names);
    this.folder.replaceChildren(h("option", { value: "", t: "work.library.folder.any" }), ...found.map((folder) => h("option", { value: folder }, folder)));
    this.folder.value = found.includes(before) ? before : "";
    this.in_folder.hidden = !found.length;
    this.draw();
  }

  /** Everything is written anew, in the language in force. */
  draw() {
    const found = this.#matching();
    this.rows.replaceChildren(...found.slice(0, this.#most).map((name) => h("li", {}, this.ticked ? this.#box(name) : h("span.name", {}, name), ...this.about(name))));
    this.more.hidden = found.length <= this.#most;
    this.#say(found.length);
  }

  #matching() {
    return matching(this.#names, { text: this.text.value, folder: this.folder.value });
  }

  /** @param {number} found */
  #say(found) {
    const shown = found < this.#names.length ? t("work.matching", { matching: found, count: this.#names.length }) : t("work.count", { count: found });
    setText(this.count, this.ticked ? `${shown}, ${t("work.library.chosen", { count: this.#ticked.size })}` : shown);
    setText(this.all, t("work.library.tick", { count: found }));
    Object.assign(this.all, { disabled: !found });
    Object.assign(this.none, { disabled: !this.#ticked.size });
  }

  /** @param {string} name */
  #box(name) {
    const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: this.#ticked.has(name), onchange: () => {
      if (box.checked) this.#ticked.add(name);
      else this.#ticked.delete(name);
      this.#say(this.#matching().length);
      this.ticked?.();
    } }));
    return h("label.box", {}, box, h("span.name", {}, name));
  }

  /** @param {boolean} all of those that match; else nothing at all */
  #tick(all) {
    if (all) for (const name of this.#matching()) this.#ticked.add(name);
    else this.#ticked.clear();
    this.draw();
    this.ticked?.();
  }

  #narrow() {
    this.#most = AT_ONCE;
    this.draw();
  }

  #grow() {
    this.#most += AT_ONCE;
    this.draw();
  }
}
