/** Which recordings of the page are taken into the library, what is kept of them and what is not, and how far that is. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./keeping.js").Keeping} Keeping
 */

/** More of those that were left out are counted, not named. */
const MOST_NAMED = 50;

export class KeepView {
  /** @type {Entry[]} */ #all = [];
  /** @type {Entry[]} */ #ticked = [];
  /** @type {Keeping|null} What was done last. */ #told = null;
  /** With so many recordings on the page. */ #told_of = 0;

  /** @param {{keep: (entries: Entry[]) => void, stop: () => void}} on */
  constructor(on) {
    this.on = on;
    this.what = h("p.hint");
    this.all = h("button.button.primary", { type: "button", onclick: () => on.keep(this.#all) });
    this.some = h("button.button", { type: "button", onclick: () => on.keep(this.#ticked) });
    this.stop = h("button.button", { type: "button", t: "work.stop", onclick: () => on.stop() });
    this.bar = h("progress", { max: "1", "t-label": "work.library.keep.progress" });
    this.status = h("p.status", { role: "status" });
    this.left = h("div");
    this.element = h("div.keep", {}, h("h3", { t: "work.library.keep" }), this.what, h("div.go", {}, this.all, this.some, this.stop, this.bar, this.status), this.left);
  }

  /**
   * @param {import("./library.js").Kind} kind @param {Entry[]} entries @param {Entry[]} ticked @param {Set<string>} kept
   * @param {Keeping|null} keeping while it goes on
   */
  show(kind, entries, ticked, kept, keeping) {
    if (entries.length !== this.#told_of) this.#told = null;
    const fresh = entries.filter(({ name }) => !kept.has(name));
    this.#all = fresh.length ? fresh : entries;
    this.#ticked = ticked;
    setText(this.what, t(`work.library.keep.${kind}`));
    const busy = keeping !== null;
    this.all.hidden = this.some.hidden = busy;
    this.some.hidden ||= !ticked.length;
    this.stop.hidden = this.bar.hidden = !busy;
    setText(this.all, fresh.length || !entries.length ? t("work.library.keep.all", { count: this.#all.length }) : t("work.library.keep.again", { count: entries.length }));
    setText(this.some, t("work.library.keep.ticked", { count: ticked.length }));
    Object.assign(this.all, { disabled: !entries.length });
    if (keeping) this.#follow(keeping);
    else this.#rest(entries.length, entries.length - fresh.length);
    this.#leave(keeping ?? this.#told);
  }

  /** @param {Keeping} keeping that has ended @param {number} count of the recordings on the page */
  tell(keeping, count) {
    [this.#told, this.#told_of] = [keeping, count];
  }

  /** @param {Keeping} keeping */
  #follow(keeping) {
    if (keeping.done) this.bar.setAttribute("value", String(keeping.done / keeping.total));
    else this.bar.removeAttribute("value"); // the first portion is under way
    setText(this.status, [t("work.library.keep.so_far", { done: keeping.done, count: keeping.total }), keeping.trouble?.()].filter(Boolean).join(" "));
  }

  /** @param {number} count of the page @param {number} kept of them */
  #rest(count, kept) {
    const now = !count ? t("work.library.keep.none") : kept ? t("work.library.keep.already", { count: kept }) : "";
    setText(this.status, this.#told ? t("work.library.keep.done", { count: this.#told.kept }) : now);
  }

  /** @param {Keeping|null} keeping what it could not keep, and why */
  #leave(keeping) {
    const left = keeping?.left ?? [];
    const rest = left.length - MOST_NAMED;
    this.left.replaceChildren(...(left.length ? [h("ul.remarks", {}, ...left.slice(0, MOST_NAMED).map(({ name, says }) => h("li", {}, `${name}: ${says()}`)), ...(rest > 0 ? [h("li", {}, t("work.library.keep.more", { count: rest }))] : []))] : []));
  }
}
