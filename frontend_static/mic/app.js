/** Wires the microphone page: a session or a recording into what is heard, what is heard into the views. */
import { fetchCall } from "../shared/api.js";
import { byId, setText } from "../shared/dom.js";
import { clock, noticeText, reasonText } from "../shared/format.js";
import { has, onLanguage, startLanguage, t } from "../shared/i18n.js";
import { masthead } from "../shared/masthead.js";
import { Devices } from "./devices.js";
import { begun, named, timeIn, told } from "./listening.js";
import { allowed, Level } from "../shared/microphone.js";
import { gapText, pastOf } from "./past.js";
import { Player } from "./player.js";
import { saying } from "./saying.js";
import { Session } from "./session.js";
import { summaryView } from "./summary.js";
import { Views } from "./views.js";

/** @typedef {import("./session.js").Status} Status */
/** @typedef {"welcome"|"live"|"over"} Screen */

/** How often clocks, the meter and the strip move on. */
const TICK_MS = 66;
/** A warning stays on the page for so long. */
const NOTE_MS = 20_000;
/** How slowly the loudness follows, so that a knock is no noise. */
const LOUDNESS_INERTIA = 0.97;
/** Louder than this, and no speech in it, is called noise. */
const NOISE_DB = -42;
const SILENT_DB = -60;

class App {
  /** @type {Session|null} */ session = null;
  /** @type {Level|null} */ level = null;
  /** @type {import("./listening.js").Heard|null} */ heard = null;
  /** @type {import("./listening.js").Heard|null} The call before this one, if it broke off. */ broken = null;
  /** @type {Status} */ status = { phase: "over" };
  /** @type {Screen} */ screen = "welcome";
  /** What the start button says. */ saying = "mic.start";
  /** @type {() => string} What went wrong, in the language in force. */ problem = () => "";
  /** @type {{text: () => string, until_ms: number}} */ note = { text: () => "", until_ms: 0 };
  /** @type {number|null} */ lost_ms = null;
  /** @type {WakeLockSentinel|null} */ awake = null;
  loudness_db = SILENT_DB;
  playing = false;
  timer = 0;

  constructor() {
    startLanguage();
    masthead(byId("masthead"), "mic");
    this.devices = new Devices((stream) => this.useStream(stream), () => this.unplugged());
    this.views = new Views((speaker, name) => {
      if (this.heard) this.heard = named(this.heard, speaker, name);
    });
    this.player = new Player({ started: () => this.play(), event: (event) => this.onEvent(event), ended: (problem) => this.ended(problem) });
    byId("start").addEventListener("click", () => this.start());
    byId("again").addEventListener("click", () => (this.playing ? this.show("welcome") : this.start()));
    byId("stop").addEventListener("click", () => this.stop());
    byId("retry").addEventListener("click", () => this.session?.retry());
    addEventListener("pagehide", () => this.session?.close());
    addEventListener("online", () => this.session?.retry());
    onLanguage(() => this.relabel());
    if (!allowed()) this.problem = () => t("mic.problem.insecure", { host: location.host });
    /** @type {HTMLButtonElement} */ (byId("start")).disabled = !allowed();
    this.relabel();
    this.show("welcome");
    byId("main").hidden = false;
  }

  async start() {
    this.playing = false;
    this.heard = null;
    this.show("welcome");
    this.busy(true);
    try {
      this.say("mic.asking");
      const stream = await this.devices.open();
      this.say("mic.connecting");
      await this.listen(stream);
    } catch (error) {
      this.fail(/** @type {{code: string, text?: () => string}} */ (error));
    }
    this.busy(false);
  }

  /** What a session says once it has been let go is not heard. @param {MediaStream} stream */
  async listen(stream) {
    this.level = new Level(stream);
    const ours = () => this.session === session;
    const session = new Session(stream, {
      event: (event) => ours() && this.onEvent(event),
      behind: () => ours() && this.tell(() => t("mic.behind"), NOTE_MS),
      status: (status) => ours() && this.onStatus(status),
    });
    this.session = session;
    await session.start();
  }

  /** A recording takes the microphone's place. */
  play() {
    this.playing = true;
    this.heard = null;
    this.problem = () => "";
    this.onStatus({ phase: "live", path: "websocket", why: null });
  }

  stop() {
    /** @type {HTMLButtonElement} */ (byId("stop")).disabled = true;
    if (this.playing) this.player.stop();
    else this.session?.stop();
  }

  /** @param {{code: string, text?: () => string}} error of the microphone or of the line */
  fail({ code, text }) {
    this.release();
    const key = `mic.problem.${code}`;
    this.problem = () => (has(key) ? t(key) : text?.() || t("mic.problem.refused"));
    this.show("welcome");
  }

  /** @param {Status} status */
  onStatus(status) {
    this.status = status;
    if (status.phase === "lost") this.lost_ms ??= Date.now();
    if (status.phase === "live") {
      if (this.lost_ms) this.returned();
      this.lost_ms = null;
      if (this.screen !== "live") this.show("live");
      this.devices.list();
    }
    if (status.phase === "over") this.ended(null);
    this.draw();
  }

  /** @param {any} event */
  onEvent(event) {
    const now_ms = Date.now();
    if (event.type === "call.started") this.begin(event, now_ms);
    else if (this.heard) this.heard = told(this.heard, event, now_ms);
    if (event.type === "warning") this.tell(() => noticeText(event), NOTE_MS);
    if (event.type === "error") this.problem = () => noticeText(event);
  }

  /** A call; what was heard of one that broke off before it stays on the strip. @param {any} event @param {number} now_ms */
  begin(event, now_ms) {
    const { heard, lost_ms } = this;
    const broken = heard && lost_ms ? heard : null;
    this.broken = broken;
    this.heard = begun(event, now_ms, broken && lost_ms ? pastOf(broken, lost_ms, now_ms) : []);
  }

  /** Says what happened; where the connection took the reason with it, the server may know. */
  returned() {
    const [past, broken] = [this.heard?.past.at(-1), this.broken];
    if (!past || !broken) return;
    let reason = broken.reason ?? "client.disconnected";
    this.tell(() => t("mic.back", { reason: reasonText(reason), gap: gapText(past) }), NOTE_MS);
    if (broken.reason) return;
    fetchCall(broken.call_id).then((view) => (reason = view.reason ?? reason), () => {}); // A new server knows nothing of it.
  }

  /** The call is over, in order or not. @param {(() => string)|null} problem */
  ended(problem) {
    this.release();
    if (problem) this.problem = problem;
    this.show(this.heard?.detail.summary ? "over" : "welcome");
  }

  /** @param {MediaStream} stream of the device that was chosen */
  async useStream(stream) {
    await this.session?.setStream(stream);
    this.level?.setStream(stream);
  }

  unplugged() {
    this.problem = () => t("mic.problem.unplugged");
    this.stop();
  }

  release() {
    this.session?.close();
    this.session = null;
    this.level?.close();
    this.level = null;
    this.devices.close();
    this.awake?.release();
    this.awake = null;
    this.lost_ms = null;
    this.note = { text: () => "", until_ms: 0 };
  }

  /** @param {Screen} screen */
  show(screen) {
    this.screen = screen;
    for (const name of ["welcome", "live", "over"]) byId(name).hidden = name !== screen;
    byId("source-microphone").hidden = this.playing;
    byId("source-recording").hidden = !this.playing;
    /** @type {HTMLButtonElement} */ (byId("stop")).disabled = false;
    clearInterval(this.timer);
    this.timer = screen === "live" ? setInterval(() => this.draw(), TICK_MS) : 0;
    this.views.place(byId(screen === "over" ? "over-strip" : "views"), screen === "over");
    if (screen === "live") this.problem = () => "";
    this.renderProblem();
    if (screen === "live") {
      byId("live-heading").focus();
      navigator.wakeLock?.request("screen").then((lock) => (this.awake = lock), () => {}); // A courtesy that may be refused.
    }
    if (screen === "over") {
      this.summarise();
      byId("over-heading").focus();
    }
  }

  draw() {
    const now_ms = Date.now();
    this.renderLink(now_ms);
    this.renderLevel();
    if (!this.heard || document.hidden) return;
    const now_s = timeIn(this.heard, this.lost_ms ?? now_ms);
    setText(byId("clock"), clock(now_s));
    const said = saying(this.heard, now_s, this.loudness_db > NOISE_DB);
    this.views.show(this.heard, said, this.lost_ms ?? now_ms);
  }

  /** @param {number} now_ms */
  renderLink(now_ms) {
    const { status } = this;
    byId("lost").hidden = status.phase !== "lost";
    byId("live").classList.toggle("stale", status.phase === "lost");
    if (status.phase === "lost") {
      const wait_s = status.retry_at_ms && Math.max(1, Math.ceil((status.retry_at_ms - now_ms) / 1000));
      setText(byId("lost-text"), wait_s ? t("mic.lost", { wait: t("shared.s", { value: wait_s }) }) : t("mic.lost.now"));
    }
    if (status.phase === "live") {
      const path = t(`mic.path.${status.path}`);
      setText(byId("path"), status.why ? t("mic.path.because", { path, why: t(`mic.path.why.${status.why}`) }) : path);
    }
    byId("note").hidden = now_ms > this.note.until_ms;
    setText(byId("note"), this.note.text());
  }

  renderLevel() {
    if (!this.level) return;
    const db = this.level.read_db();
    this.loudness_db = LOUDNESS_INERTIA * this.loudness_db + (1 - LOUDNESS_INERTIA) * db;
    this.devices.showLevel(db);
  }

  renderProblem() {
    const text = this.problem();
    byId("problem").hidden = !text;
    setText(byId("problem"), text);
  }

  summarise() {
    if (!this.heard?.detail.summary) return;
    byId("summary").replaceChildren(summaryView(this.heard));
    this.views.show(this.heard, null, Date.now());
  }

  /** @param {string} key of what the start button says meanwhile */
  say(key) {
    this.saying = key;
    setText(byId("start-text"), t(key));
  }

  /** @param {boolean} busy while permission or a connection is waited for */
  busy(busy) {
    if (busy) this.problem = () => "";
    this.renderProblem();
    /** @type {HTMLButtonElement} */ (byId("start")).disabled = busy || !allowed();
    /** @type {HTMLButtonElement} */ (byId("player-start")).disabled = busy;
    if (!busy) this.say("mic.start");
  }

  /** @param {() => string} text @param {number} for_ms */
  tell(text, for_ms) {
    this.note = { text, until_ms: Date.now() + for_ms };
  }

  relabel() {
    document.title = `${t("mic.title")} \u00b7 Undertone`;
    this.say(this.saying);
    for (const element of document.querySelectorAll(".who-sees")) setText(element, t("mic.who_sees", { host: location.host }));
    this.devices.relabel();
    this.player.relabel();
    this.views.relabel();
    this.renderProblem();
    this.summarise();
  }
}

new App();
