/** Wires the page: events and REST into the store, the store into the views, the selected call into the address. */
import { fetchCall, fetchCalls } from "../shared/api.js";
import { CallList, hashOf } from "./calllist.js";
import { EMPTY, reduce, sorted } from "../shared/calls.js";
import { CallView } from "./callview.js";
import { byId, setText } from "../shared/dom.js";
import { Feed } from "../shared/feed.js";
import { percent, sentence } from "../shared/format.js";
import { Player } from "./player.js";

/** How often clocks and the chart's right edge move on between events. */
const TICK_MS = 500;
/** The list is fetched anew this often: tags set during a call come in no event. */
const LIST_EVERY_MS = 15_000;
/** A screen reader is told of a new emotion no more often than this. */
const SPEAK_EVERY_MS = 5000;

class App {
  state = EMPTY;
  /** @type {string|null} */ selected = null;
  /** @type {import("../shared/feed.js").FeedStatus} */ link = { phase: "connecting", retry_at_ms: null, attempts: 0 };
  /** @type {number|null} When the picture stopped being live. */ lost_ms = null;
  /** @type {string|null} Why the selected call cannot be shown. */ problem = null;
  spoken = { label: "", at_ms: 0 };
  loaded = false;
  drawing = false;

  constructor() {
    this.list = new CallList();
    this.view = new CallView(byId("call"));
    this.player = new Player((call_id) => this.select(call_id));
    this.feed = new Feed({ events: (events) => this.onEvents(events), status: (status) => this.onLink(status) });
    setText(byId("start-command"), `.venv/bin/undertone stream RECORDING --url ${location.origin}`);
    addEventListener("hashchange", () => this.followHash());
    addEventListener("online", () => this.feed.connect());
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault(); // The address belongs to the selected call.
      byId("main-heading").focus();
    });
    byId("banner-retry").addEventListener("click", () => this.feed.connect());
    setInterval(() => this.draw(), TICK_MS);
    setInterval(() => this.link.phase === "open" && !document.hidden && this.loadList(), LIST_EVERY_MS);
    this.selected = selectedInHash();
    this.feed.connect();
  }

  /** @param {import("../shared/calls.js").Action} action */
  tell(action) {
    this.state = reduce(this.state, action);
    this.draw();
  }

  /** @param {any[]} events */
  onEvents(events) {
    const now_ms = Date.now();
    for (const event of events) this.state = reduce(this.state, { do: "event", event, now_ms });
    if (!this.selected) this.selectNewest();
    else if (this.state.calls[this.selected]?.detail === null && !this.state.waiting[this.selected]) this.load(this.selected);
    this.draw();
  }

  /** @param {import("../shared/feed.js").FeedStatus} status */
  onLink(status) {
    if (status.phase === "open") this.refresh();
    this.lost_ms = status.phase === "open" ? null : (this.lost_ms ?? Date.now());
    this.link = status;
    this.draw();
  }

  /** After every (re)connection: the list, and the history of the open call. */
  refresh() {
    if (this.selected) this.load(this.selected);
    this.loadList();
  }

  async loadList() {
    try {
      this.tell({ do: "listed", views: await fetchCalls(), now_ms: Date.now() });
      this.loaded = true;
      if (!this.selected) this.selectNewest();
    } catch (error) {
      setText(byId("blank"), /** @type {Error} */ (error).message);
    }
  }

  /** @param {string} call_id */
  async load(call_id) {
    this.problem = null;
    this.tell({ do: "opened", call_id });
    try {
      const view = await fetchCall(call_id);
      if (this.selected === call_id) this.tell({ do: "detailed", view, now_ms: Date.now() });
    } catch (error) {
      if (this.selected !== call_id) return;
      const { code, message } = /** @type {import("../shared/api.js").ApiError} */ (error);
      this.problem = code === "call.not_found" ? `The server no longer knows the call ${call_id}.` : sentence(message);
      if (code === "call.not_found") this.tell({ do: "gone", call_id });
      this.draw();
    }
  }

  /** @param {string} call_id */
  select(call_id) {
    if (location.hash !== hashOf(call_id)) location.hash = hashOf(call_id);
    else this.followHash();
  }

  selectNewest() {
    const [newest] = sorted(this.state).live;
    if (!newest) return;
    history.replaceState(null, "", hashOf(newest.call_id));
    this.followHash();
  }

  followHash() {
    const call_id = selectedInHash();
    if (!call_id || call_id === this.selected) return;
    this.selected = call_id;
    this.load(call_id);
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.render(this.lost_ms ?? Date.now());
    });
  }

  /** @param {number} now_ms */
  render(now_ms) {
    const call = this.selected ? this.state.calls[this.selected] : undefined;
    const { live } = sorted(this.state);
    this.renderLink();
    this.list.show(this.state, this.selected, now_ms);
    byId("call").hidden = !call?.detail;
    byId("blank").hidden = Boolean(call?.detail);
    byId("call").classList.toggle("stale", this.lost_ms !== null && this.link.attempts > 0);
    setText(byId("main-heading"), call ? `Call ${call.call_id}` : "No call selected");
    document.title = live.length ? `${live.length} live \u00b7 Undertone` : "Undertone";
    if (call?.detail) this.view.show(call, now_ms);
    else if (this.problem) setText(byId("blank"), this.problem);
    else if (this.loaded) setText(byId("blank"), this.selected ? "Loading the call" : "No call is live");
    byId("start").hidden = !this.loaded || Boolean(this.selected && !this.problem);
    if (call?.state === "live") this.speak(call, now_ms);
  }

  renderLink() {
    const { phase, retry_at_ms, attempts } = this.link;
    byId("link").setAttribute("data-phase", phase);
    setText(byId("link-text"), phase === "open" ? "Connected" : attempts ? "Not connected" : "Connecting");
    byId("banner").hidden = phase === "open" || attempts === 0;
    const wait_s = retry_at_ms ? Math.max(1, Math.ceil((retry_at_ms - Date.now()) / 1000)) : 0;
    const next = phase === "waiting" ? `Trying again in ${wait_s} s.` : "Trying again now.";
    const since = this.lost_ms ? ` What you see is from ${new Date(this.lost_ms).toLocaleTimeString()}.` : "";
    setText(byId("banner-text"), `The connection to the server is lost. ${next}${this.loaded ? since : ""}`);
  }

  /** @param {import("../shared/calls.js").Call} call @param {number} now_ms */
  speak(call, now_ms) {
    const channel = call.channels.find((c) => c.emotion);
    const emotion = channel && call.emotions[channel.channel];
    const label = emotion ? (emotion.label ?? "no usable speech") : "";
    if (!channel || !emotion || label === this.spoken.label || now_ms - this.spoken.at_ms < SPEAK_EVERY_MS) return;
    this.spoken = { label, at_ms: now_ms };
    setText(byId("spoken"), `${sentence(channel.role)}: ${label}${emotion.label ? `, ${percent(emotion.confidence)}` : ""}`);
  }
}

/** @returns {string|null} */
function selectedInHash() {
  try {
    return decodeURIComponent(location.hash.match(/^#call=(.+)$/)?.[1] ?? "") || null;
  } catch {
    return null;
  }
}

new App();
