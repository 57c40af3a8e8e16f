/** Wires the dashboard: events and REST into the store, the store into the views, what is shown into the address. */
import { raisedSince } from "../shared/alerts.js";
import { failureText, fetchCall, fetchCalls } from "../shared/api.js";
import { EMPTY, reduce, sorted, timeIn } from "../shared/calls.js";
import { byId } from "../shared/dom.js";
import { Feed } from "../shared/feed.js";
import { onLanguage, startLanguage, t } from "../shared/i18n.js";
import { masthead } from "../shared/masthead.js";
import { moment, opening, parsed, written } from "./address.js";
import { Bell } from "./bell.js";
import { admits, alerted, choices } from "./filters.js";
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
/** That the connection is back stays to be read. */
const BACK_STAYS_MS = 8000;

class App {
  state = EMPTY;
  ranking = UNRANKED;
  address = parsed(location.hash);
  /** @type {import("../shared/feed.js").FeedStatus} */ link = { phase: "connecting", retry_at_ms: null, attempts: 0 };
  /** @type {number|null} When the picture stopped being live. */ lost_ms = null;
  /** @type {import("./link.js").Return|null} */ returned = null;
  /** @type {(() => string)|null} Why the open call cannot be shown, in the language in force. */ problem = null;
  /** @type {(() => string)|null} Why there is no list. */ trouble = null;
  /** @type {import("../shared/calls.js").CallEvent[]} What came since the last picture. */ queue = [];
  loaded = false;
  drawing = false;
  again = 0;
  listAgain = 0;
  /** What was asked for last: answers to what was asked before that are not looked at. */ asked = { list: {}, call: {} };
  ranked_ms = -Infinity;
  pointed_ms = -Infinity;

  constructor() {
    startLanguage();
    this.bell = new Bell((call_id, link) => this.go(moment(link, call_id) ?? opening(this.address, call_id)));
    this.feed = new Feed({ events: (events) => this.onEvents(events), status: (status) => this.onLink(status) });
    this.page = new Page({ change: (change) => this.go({ ...this.address, ...change }), retry: () => this.feed.connect(),
      pointed: () => (this.pointed_ms = Date.now()) });
    masthead(byId("masthead"), "dashboard", ...this.bell.elements, this.page.link.element);
    addEventListener("hashchange", () => this.follow());
    addEventListener("online", () => this.feed.connect());
    addEventListener("offline", () => this.feed.check());
    document.addEventListener("scroll", () => this.draw(), { capture: true, passive: true });
    addEventListener("resize", () => this.draw());
    document.addEventListener("visibilitychange", () => this.draw());
    onLanguage(() => this.relabel());
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault(); // The address belongs to what is shown.
      byId("main").focus();
    });
    setInterval(() => this.draw(), TICK_MS);
    setInterval(() => this.link.phase === "open" && !document.hidden && this.loadList(), LIST_EVERY_MS);
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
    this.become({ do: "events", events, now_ms: Date.now() });
    const { call } = this.address;
    if (call && this.state.calls.get(call)?.detail === null && !this.state.waiting.has(call)) this.load(call);
  }

  /** @param {import("../shared/calls.js").Action} action */
  tell(action) {
    this.take();
    this.become(action);
    this.draw();
  }

  /** The bell tells of alerts that are new, however the page learnt of them; those that were there when it was opened are not. @param {import("../shared/calls.js").Action} action */
  become(action) {
    const { calls } = this.state;
    this.state = reduce(this.state, action);
    if (this.loaded) for (const { call, alert } of raisedSince(calls, this.state.calls)) this.bell.raised(call, alert, Date.now());
  }

  /** @param {import("../shared/feed.js").FeedStatus} status */
  onLink(status) {
    this.link = status;
    if (status.phase === "open") this.refresh();
    else this.lost_ms ??= Date.now();
    this.draw();
  }

  /** After every (re)connection: the list with its last minutes, and the history of the open call. */
  refresh() {
    this.tell({ do: "connected" });
    if (this.address.call) this.load(this.address.call);
    this.loadList();
  }

  /** After a gap with the last minutes; without them it would leave a hole in the sparklines. */
  async loadList() {
    clearTimeout(this.listAgain);
    const [asked, asked_ms] = [(this.asked.list = {}), Date.now()];
    try {
      const views = await fetchCalls(this.state.behind ? RECENT_S : 0);
      if (this.asked.list !== asked) return;
      this.tell({ do: "listed", views, asked_ms, now_ms: Date.now() });
      this.caughtUp();
    } catch (error) {
      if (this.asked.list !== asked) return;
      this.trouble = failureText(error);
      if (this.state.behind && this.link.phase === "open") this.listAgain = setTimeout(() => this.loadList(), HISTORY_AGAIN_MS);
    }
    this.draw();
  }

  /** The picture is live again. */
  caughtUp() {
    const now_ms = Date.now();
    if (this.loaded && this.lost_ms) this.returned = { gap_ms: now_ms - this.lost_ms, until_ms: now_ms + BACK_STAYS_MS };
    this.loaded = true;
    this.trouble = null;
    this.lost_ms = null;
  }

  /** Its history; until it comes, the events of the call wait for it. @param {string} call_id */
  async load(call_id) {
    clearTimeout(this.again);
    const asked = (this.asked.call = {});
    const wanted = () => this.asked.call === asked && this.address.call === call_id;
    this.tell({ do: "opened", call_id });
    try {
      const view = await fetchCall(call_id);
      if (!wanted()) return;
      this.problem = null;
      this.tell({ do: "detailed", view, now_ms: Date.now() });
    } catch (error) {
      if (!wanted()) return;
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
    const alerts = shown.filter((call) => alerted(call, standings.get(call.call_id))).length;
    const open = this.address.call ? (calls.get(this.address.call) ?? null) : null;
    document.title = `${levels.help ? t("dash.title.help", { count: levels.help }) : t("dash.title")} \u00b7 Undertone`;
    this.page.show({
      address: this.address, items, open, problem: this.problem?.() ?? null, trouble: this.trouble?.() ?? null, loaded: this.loaded, link: this.link, lost_ms: this.lost_ms, returned: this.returned,
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
