/** The page as a whole: the list of all calls, and beside it, or on a narrow screen in its place, the open one. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { opening, written } from "./address.js";
import { Board } from "./board.js";
import { CallView } from "./callview.js";
import { FilterBar } from "./filterbar.js";
import { filters } from "./filters.js";
import { Headline } from "./headline.js";
import { Link } from "./link.js";

/**
 * @typedef {import("./address.js").Address} Address
 * @typedef {import("../shared/calls.js").Call} Call
 * @typedef {import("./row.js").Item} Item
 * @typedef {import("./ranking.js").Standing} Standing
 * @typedef {{address: Address, items: Item[], worst: Item|null, open: Call|null, standing: Standing|undefined,
 *   problem: string|null, trouble: string|null, loaded: boolean, link: import("../shared/feed.js").FeedStatus,
 *   lost_ms: number|null, returned: import("./link.js").Return|null, counts: import("./filterbar.js").Counts, choices: ReturnType<typeof import("./filters.js").choices>}} Picture
 *   `worst`: of all live calls; `problem`: why the open call, `trouble`: why the list cannot be shown
 */

export class Page {
  #opened = false;
  /** @type {string|null} The call that was just left, for whose row the focus is. */ #left = null;

  /** @param {{change: (change: Partial<Address>) => void, retry: () => void, pointed: () => void}} on `pointed`: the reader is about to click */
  constructor(on) {
    this.link = new Link(on.retry);
    this.headline = new Headline();
    this.filters = new FilterBar(on.change);
    this.board = new Board();
    this.board.element.addEventListener("pointermove", on.pointed);
    this.heads = h("div.heads", { "aria-hidden": "true" }, ...["distress", "call", "why", "spark", "speaking", "time"].map((key) => h("span", { t: `dash.head.${key}` })));
    this.empty = h("p.empty");
    this.start = h("div.start", {}, h("p", { t: "dash.start" }), h("code", {}, `.venv/bin/undertone stream RECORDING --url ${location.origin}`));
    this.how = h("details.how", {}, h("summary", { t: "dash.order" }), h("p", { t: "dash.order.distress" }), h("p", { t: "dash.order.moves" }));
    this.call = new CallView(({ span_s, end_s }) => on.change({ span_s, end_s }));
    this.blank = h("p.blank", { role: "status" });
    this.back = h("a.back", { t: "dash.back" });
    this.list = h("section.list", { "t-label": "dash.list" }, h("h1.unseen", { t: "dash.title" }), this.headline.element, this.filters.element, this.how,
      this.heads, this.board.element, this.empty, this.start, h("p.notice", { t: "dash.notice" }));
    this.detail = h("section.detail", { "t-label": "dash.open_call" }, this.back, this.blank, this.call.element);
    this.columns = h("div.columns", {}, this.list, this.detail);
    /** @type {HTMLElement} */ (document.getElementById("main")).append(this.link.banner, this.link.back, this.columns);
  }

  /** @param {Picture} picture @param {number} now_ms */
  show(picture, now_ms) {
    const { address, items, worst, open, standing, counts, link, lost_ms, loaded } = picture;
    const href = (/** @type {string} */ call_id) => written(opening(address, call_id));
    this.link.show(link, lost_ms, picture.returned);
    this.columns.classList.toggle("stale", lost_ms !== null && loaded);
    this.columns.dataset.open = address.call ? "yes" : "no";
    this.headline.element.hidden = !loaded || (!worst && !counts.ended);
    this.headline.show(worst, worst?.call.call_id === address.call, now_ms, href);
    this.filters.show(address, counts, picture.choices);
    this.how.hidden = this.heads.hidden = address.view === "ended" || !items.length;
    this.board.show(items, address, now_ms);
    this.#showEmpty(picture);
    this.detail.hidden = !address.call;
    if (this.#left) this.board.focus(this.#left);
    this.#left = null;
    if (!address.call) {
      this.call.alerts.close();
      return;
    }
    const overview = written({ ...opening(address, null) });
    for (const back of [this.back, this.call.back]) if (back.getAttribute("href") !== overview) back.setAttribute("href", overview);
    const ready = Boolean(open?.detail);
    this.call.element.hidden = !ready;
    this.blank.hidden = this.back.hidden = ready;
    if (open && ready) this.call.show(open, standing, address, now_ms);
    else setText(this.blank, picture.problem ?? t("dash.loading_call"));
    if (open && ready && this.#opened) this.#focus();
  }

  /** Another call was opened, or none: the reader's place moves with it. @param {string|null} call @param {string|null} before */
  opened(call, before) {
    this.#opened = call !== null;
    this.detail.scrollTop = 0;
    this.#left = call === null ? before : null;
  }

  /** Everything is written anew in the language in force. */
  forget() {
    this.call.forget();
  }

  #focus() {
    this.#opened = false;
    this.call.name.focus({ preventScroll: matchMedia("(min-width: 1101px)").matches });
  }

  /** @param {Picture} picture */
  #showEmpty({ address, items, counts, loaded, trouble }) {
    const nothing = !items.length;
    this.empty.hidden = !nothing;
    this.start.hidden = !(loaded && !counts.live && !counts.ended);
    if (!nothing) return;
    const none = filters(address) ? t("dash.empty.filtered") : t(`dash.empty.${address.view}`);
    setText(this.empty, loaded ? none : (trouble ?? t("dash.loading")));
  }
}
