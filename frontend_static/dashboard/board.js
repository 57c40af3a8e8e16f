/**
 * The list of calls, however long: only the rows in sight are elements. A row that takes another place glides there,
 * unless the reader wants no motion.
 */
import { h } from "../shared/dom.js";
import { opening, written } from "./address.js";
import { EndedRow, LiveRow } from "./row.js";

/** @typedef {import("./row.js").Item} Item */

/** px; the stylesheet gives the rows these heights. */
const ROW_H = { wide: 68, narrow: 116, ended: 60 };
/** A narrower list puts what a call has to say below each other. */
const NARROW = 820;
/** Rows beyond the edge that are kept ready. */
const SPARE = 4;
const GLIDE_MS = 500;

export class Board {
  /** @type {Map<string, LiveRow|EndedRow>} */ #rows = new Map();
  /** @type {Map<string, number>} Where each row stands, px. */ #places = new Map();
  /** @type {WeakMap<LiveRow|EndedRow, import("./address.js").Address>} */ #linked = new WeakMap();
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #kind = "";

  constructor() {
    this.element = h("ul.board", { "t-label": "dash.list" });
  }

  /**
   * @param {Item[]} items in order @param {import("./address.js").Address} address of the page: rows link to theirs
   * @param {number} now_ms
   */
  show(items, address, now_ms) {
    const width = this.element.clientWidth;
    const kind = address.view === "ended" ? "ended" : width && width < NARROW ? "narrow" : "wide";
    if (this.#kind !== kind) this.#rebuild(kind);
    const row_h = ROW_H[kind];
    this.element.style.height = `${items.length * row_h}px`;
    const [from, to] = this.#inSight(items.length, row_h);
    const wanted = new Map(items.map((item, i) => /** @type {const} */ ([item.call.call_id, i])));
    const focused = [...this.#rows].find(([, row]) => row.element.contains(document.activeElement))?.[0];
    for (const id of [...this.#rows.keys()]) {
      const at = wanted.get(id);
      if (at === undefined || ((at < from || at >= to) && id !== focused)) this.#drop(id);
    }
    const shown = items.map((item, i) => ({ item, i })).filter(({ item, i }) => (i >= from && i < to) || item.call.call_id === focused);
    shown.forEach(({ item, i }, nth) => {
      const row = this.#row(item.call.call_id, kind);
      this.#place(item.call.call_id, row.element, i * row_h, nth);
      row.element.setAttribute("aria-posinset", String(i + 1));
      row.element.setAttribute("aria-setsize", String(items.length));
      if (this.#linked.get(row) !== address) {
        this.#linked.set(row, address);
        row.link.setAttribute("href", written(opening(address, item.call.call_id)));
        row.link.setAttribute("aria-current", String(item.call.call_id === address.call));
      }
      row.show(item, now_ms);
    });
  }

  /** @param {string} id */
  focus(id) {
    this.#rows.get(id)?.link.focus();
  }

  /** Which rows the window shows, and some more. @param {number} count @param {number} row_h @returns {[number, number]} */
  #inSight(count, row_h) {
    const { top } = this.element.getBoundingClientRect();
    const from = Math.floor(-top / row_h) - SPARE;
    const to = Math.ceil((innerHeight - top) / row_h) + SPARE;
    return [Math.max(0, Math.min(count, from)), Math.max(0, Math.min(count, to))];
  }

  /** @param {string} id @param {string} kind @returns {LiveRow|EndedRow} */
  #row(id, kind) {
    const known = this.#rows.get(id);
    if (known) return known;
    const row = kind === "ended" ? new EndedRow() : new LiveRow();
    this.#rows.set(id, row);
    return row;
  }

  /** @param {string} id @param {HTMLElement} element @param {number} y px @param {number} nth child */
  #place(id, element, y, nth) {
    const child = this.element.children[nth];
    if (child !== element) {
      const focused = /** @type {HTMLElement|null} */ (element.contains(document.activeElement) ? document.activeElement : null);
      this.element.insertBefore(element, child ?? null);
      focused?.focus({ preventScroll: true });
    }
    const before = this.#places.get(id);
    if (before === y) return;
    this.#places.set(id, y);
    element.style.transform = `translateY(${y}px)`;
    if (before === undefined || this.#still.matches) return;
    element.animate([{ transform: `translateY(${before}px)` }, { transform: `translateY(${y}px)` }], { duration: GLIDE_MS, easing: "ease-in-out" });
  }

  /** @param {string} kind */
  #rebuild(kind) {
    this.#kind = kind;
    this.element.dataset.kind = kind;
    for (const id of [...this.#rows.keys()]) this.#drop(id);
  }

  /** @param {string} id */
  #drop(id) {
    this.#rows.get(id)?.element.remove();
    this.#rows.delete(id);
    this.#places.delete(id);
  }
}
