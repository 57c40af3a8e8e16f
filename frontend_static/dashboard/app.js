/** Wires the dashboard: events and REST into the store, the store into the views, what is shown into the address. */
import { isOpen } from "../shared/alerts.js";
import { failureText, fetchCall, fetchCalls } from "../shared/api.js";
import { EMPTY, reduce, sorted, timeIn } from "../shared/calls.js";
import { byId } from "../shared/dom.js";
import { Feed } from "../shared/feed.js";
import { onLanguage, startLanguage, t } from "../shared/i18n.js";
import { masthead } from "../shared/masthead.js";
import { opening, parsed, written } from "./address.js";
import { Bell } from "./bell.js";
import { admits, choices } from "./filters.js";
import { Page } from "./page.js";
import { ranked, UNRANKED } from "./ranking.js";

/** @typedef {import("./address.js").Address} Address */

/** How often clocks and the chart's right edge move on between events. */
const TICK_MS = 500;
/** The order is worked out no more often than this: rows that jump cannot be read. */
const RANK_EVERY_MS = 1000;
/** While the pointer moves over the list its order is held, so that nobody clicks what has just moved there. */
const HOLD_MS = 1500;
const LONGEST_HOLD_MS = 10_000;
/** The list is fetched anew this often: tags set during a call come in no event. */
const LIST_EVERY_MS = 15_000;
/** What the sparklines show is asked for this far back. */
const RECENT_S = 180;
/** A history that could not be fetched is asked for again after so long. */
const HISTORY_AGAIN_MS = 5000;
/** Events that may wait for the next picture. */
const MOST_QUEUED = 5000;

class App {
  state = EMPTY;
  ranking = UNRANKED;
  address = parsed(location.hash);
  /** @type {import("../shared/feed.js").FeedStatus} */ link = { phase: "connecting", retry_at_ms: null, attempts: 0 };
  /** @type {number|null} When the picture stopped being live. */ lost_ms = null;
  /** @type {(() => string)|null} Why the open call cannot be shown, in the language in force. */ problem = null;
  /** @type {(() => string)|null} Why there is no list. */ trouble = null;
  /** @type {import("../shared/calls.js").CallEvent[]} What came since the last picture. */ queue = [];
  loaded = false;
  drawing = false;
  again = 0;
  ranked_ms = -Infinity;
  pointed_ms = -Infinity;

  constructor() {
    startLanguage();
    this.bell = new Bell((call_id) => this.go(opening(this.address, call_id)));
    this.feed = new Feed({ events: (events) => this.onEvents(events), status: (status) => this.onLink(status) });
    this.page = new Page({ change: (change) => this.go({ ...this.address, ...change }), retry: () => this.feed.connect(),
      pointed: () => (this.pointed_ms = Date.now()) });
    masthead(byId("masthead"), "dashboard", ...this.bell.elements, this.page.link.element);
    addEventListener("hashchange", () => this.follow());
    addEventListener("online", () => this.feed.connect());
    document.addEventListener("scroll", () => this.draw(), { capture: true, passive: true });
    addEventListener("resize", () => this.draw());
    document.addEventListener("visibilitychange", () => this.draw());
    onLanguage(() => this.relabel());
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault(); // The address belongs to what is shown.
      byId("main").focus();
    });
    setInterval(() => this.draw(), TICK_MS);
    setInterval(() => this.link.phase === "open" && !document.hidden && this.loadList(0), LIST_EVERY_MS);
    this.feed.connect();
    this.draw();
  }

  /** Events are gathered until the next picture; a page that nobody sees takes them in and draws nothing. @param {any[]} events */
  onEvents(events) {
    for (const event of events) this.queue.push(event);
    if (document.hidden || this.queue.length > MOST_QUEUED) this.take();
    else this.draw();
  }

  take() {
    const events = this.queue;
    this.queue = [];
    if (!events.length) return;
    const now_ms = Date.now();
    this.state = reduce(this.state, { do: "events", events, now_ms });
    for (const event of events) if (event.type === "alert.raised") this.bell.raised(event, now_ms);
    const { call } = this.address;
    if (call && this.state.calls.get(call)?.detail === null && !this.state.waiting.has(call)) this.load(call);
  }

  /** @param {import("../shared/calls.js").Action} action */
  tell(action) {
    this.take();
    this.state = reduce(this.state, action);
    this.draw();
  }

  /** @param {import("../shared/feed.js").FeedStatus} status */
  onLink(status) {
    if (status.phase === "open") this.refresh();
    this.lost_ms = status.phase === "open" ? null : (this.lost_ms ?? Date.now());
    this.link = status;
    this.draw();
  }

  /** After every (re)connection: the list with its last minutes, and the history of the open call. */
  refresh() {
    if (this.address.call) this.load(this.address.call);
    this.loadList(RECENT_S);
  }

  /** @param {number} recent_s */
  async loadList(recent_s) {
    const asked_ms = Date.now();
    try {
      this.tell({ do: "listed", views: await fetchCalls(recent_s), asked_ms, now_ms: Date.now() });
      this.loaded = true;
      this.trouble = null;
    } catch (error) {
      this.trouble = failureText(error);
    }
    this.draw();
  }

  /** Its history; until it comes, the events of the call wait for it. @param {string} call_id */
  async load(call_id) {
    clearTimeout(this.again);
    this.tell({ do: "opened", call_id });
    try {
      const view = await fetchCall(call_id);
      if (this.address.call !== call_id) return;
      this.problem = null;
      this.tell({ do: "detailed", view, now_ms: Date.now() });
    } catch (error) {
      if (this.address.call !== call_id) return;
      const unknown = /** @type {{code?: string}} */ (error).code === "call.not_found";
      this.problem = unknown ? () => t("dash.unknown_call", { call: call_id }) : failureText(error);
      if (unknown) this.tell({ do: "gone", call_id });
      else this.again = setTimeout(() => this.address.call === call_id && this.load(call_id), HISTORY_AGAIN_MS);
      this.draw();
    }
  }

  /** A step that Back takes back where another call is opened; anything else replaces the address. @param {Address} address */
  go(address) {
    const opens = address.call !== this.address.call;
    history[opens ? "pushState" : "replaceState"](null, "", written(address));
    this.follow();
  }

  follow() {
    const before = this.address;
    this.address = parsed(location.hash);
    this.ranked_ms = -Infinity;
    if (this.address.call !== before.call) {
      this.problem = null;
      if (this.address.call) this.load(this.address.call);
      this.page.opened(this.address.call, before.call);
    }
    this.draw();
  }

  relabel() {
    this.bell.relabel();
    this.page.forget();
    this.draw();
  }

  draw() {
    if (this.drawing || document.hidden) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.take();
      this.render(this.lost_ms ?? Date.now());
    });
  }

  /** @param {number} now_ms */
  render(now_ms) {
    const { live, ended } = sorted(this.state);
    this.rank(live, now_ms);
    const { calls } = this.state;
    const { standings } = this.ranking;
    const items = (this.address.view === "live" ? this.ranking.order.flatMap((id) => calls.get(id) ?? []) : ended)
      .map((call) => ({ call, standing: standings.get(call.call_id) }))
      .filter(({ call, standing }) => admits(call, standing, this.address, timeIn(call, now_ms)));
    const first = calls.get(this.ranking.order[0]);
    const levels = { help: 0, watch: 0, calm: 0 };
    for (const { level } of standings.values()) levels[level] += 1;
    const shown = this.address.view === "live" ? live : ended;
    const alerts = shown.filter((call) => call.alerts.some((alert) => isOpen(alert) || call.state === "ended")).length;
    const open = this.address.call ? (calls.get(this.address.call) ?? null) : null;
    document.title = `${levels.help ? t("dash.title.help", { count: levels.help }) : t("dash.title")} \u00b7 Undertone`;
    this.page.show({
      address: this.address, items, open, problem: this.problem?.() ?? null, trouble: this.trouble?.() ?? null, loaded: this.loaded, link: this.link, lost_ms: this.lost_ms,
      worst: first ? { call: first, standing: standings.get(first.call_id) } : null,
      standing: open ? standings.get(open.call_id) : undefined,
      counts: { live: live.length, ended: ended.length, levels, alerts }, choices: choices(shown, this.address),
    }, now_ms);
  }

  /** Calls that come and go are ranked at once, others in their time. @param {import("../shared/calls.js").Call[]} live @param {number} now_ms */
  rank(live, now_ms) {
    const { standings, order } = this.ranking;
    const same = live.length === order.length && live.every((call) => standings.has(call.call_id));
    const since_ms = now_ms - this.ranked_ms;
    const held = now_ms - this.pointed_ms < HOLD_MS && since_ms < LONGEST_HOLD_MS;
    if (same && (since_ms < RANK_EVERY_MS || held)) return;
    this.ranking = ranked(this.ranking, live, now_ms);
    this.ranked_ms = now_ms;
  }
}

new App();
