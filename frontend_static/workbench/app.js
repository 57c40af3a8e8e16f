/** Wires the workbench: recordings in, through the server, and their results on the page and in files. */
import { fetchModels } from "../shared/api.js";
import { byId, h, setText } from "../shared/dom.js";
import { onLanguage, startLanguage, t } from "../shared/i18n.js";
import { masthead } from "../shared/masthead.js";
import { Choices } from "./choices.js";
import { Downloads } from "./downloads.js";
import { counts, entryOf, isOver, MOST_FILES, named, remaining, reset, unique, unsaved, waits } from "./entries.js";
import { Intake } from "./intake.js";
import { server } from "./jobs.js";
import { LibraryView } from "./libraryview.js";
import { List } from "./list.js";
import { ResultView } from "./resultview.js";
import { Run } from "./run.js";
import { VoicesView } from "./voicesview.js";
import { durationText } from "./words.js";

/** @typedef {import("./entries.js").Entry} Entry */

const DRAW_EVERY_MS = 100;

class App {
  /** @type {Entry[]} */ entries = [];
  /** @type {Entry|null} */ open = null;
  /** @type {Run|null} */ run = null;
  /** @type {Entry[]} What is being worked on. */ going = [];
  began_ms = 0;
  last = 0;
  drawing = 0;

  constructor() {
    startLanguage();
    masthead(byId("masthead"), "workbench");
    this.intake = new Intake((found, left) => this.take(found, left));
    this.choices = new Choices(() => this.draw());
    this.start = h("button.button.primary.start", { type: "button", onclick: () => this.toggle() });
    this.progress = h("progress", { max: "1", hidden: true, "t-label": "work.progress" });
    this.status = h("p.status");
    this.going_on = h("div.go", {}, this.start, this.progress, this.status);
    this.spoken = h("p.unseen", { role: "status" });
    this.downloads = new Downloads(() => this.entries, () => this.draw());
    this.list = new List({
      open: (entry) => this.show(entry === this.open ? null : entry), remove: (entry) => this.remove(entry), clear: (some) => this.clear(some), ticked: () => this.draw(),
      csv: (some) => this.downloads.table(some, "csv"), jsonl: (some) => this.downloads.table(some, "jsonl"), all: (some) => this.downloads.archive(some),
    });
    this.result = new ResultView({
      name: (entry, file) => this.downloads.name(entry, file), embedding: (entry, file) => this.downloads.embedding(entry, file),
      result: (entry) => this.downloads.result(entry), close: () => this.show(null),
    });
    this.voices = new VoicesView();
    this.library = new LibraryView((entry) => this.show(entry));
    byId("main").append(h("h1", { t: "work.title" }), h("p.lead", { t: "work.lead" }), this.intake.element, this.choices.element,
      this.going_on, this.list.element, this.result.element, this.voices.element, this.library.element, this.spoken, h("p.notice", { t: "work.notice" }));
    onLanguage(() => this.relabel());
    addEventListener("beforeunload", (event) => {
      if (this.run || this.library.busy || this.intake.recording || this.entries.some(unsaved)) event.preventDefault();
    });
    addEventListener("pagehide", () => this.forget(this.entries));
    this.drawNow();
    this.learn();
  }

  /** What the models are like is good to know beforehand, and no more than that. */
  async learn() {
    try {
      const models = await fetchModels();
      this.choices.know(models);
      if (models.speaker) await this.voices.begin(models.speaker.name);
      await this.library.begin(models);
    } catch {
      // The server is away: whoever starts the work is told.
    }
  }

  /** @param {import("./dropped.js").Found[]} found @param {import("./dropped.js").Left} left what was not taken, and why */
  take(found, { skipped, unreadable, over }) {
    const taken = new Set(this.entries.map((entry) => entry.name));
    const room = Math.max(0, MOST_FILES - this.entries.length);
    for (const { name, file } of found.slice(0, room)) {
      const entry = entryOf(this.last++, file, unique(named(name), taken));
      taken.add(entry.name);
      this.entries.push(entry);
    }
    const came = Math.min(found.length, room);
    const most = over + found.length - came;
    this.intake.say(() => [t("work.came", { count: came }), skipped ? t("work.skipped", { count: skipped }) : "", unreadable ? t("work.unreadable", { count: unreadable }) : "",
      most ? t("work.too_many", { count: most, most: MOST_FILES }) : ""].filter(Boolean).join(" "));
    this.draw();
  }

  /** Start, start again, or stop. */
  toggle() {
    if (this.run) this.run.stop();
    else this.begin();
  }

  /** What a start is about: what is ticked; else what waits; else everything once more. */
  get meant() {
    const { ticked } = this.list;
    if (ticked.length) return ticked;
    const waiting = this.entries.filter(waits);
    return waiting.length ? waiting : [...this.entries]; // more may be added meanwhile
  }

  async begin() {
    const chosen = this.meant;
    if (chosen.some(unsaved) && !confirm(t("work.again.lose"))) return;
    if (this.open && chosen.includes(this.open)) this.show(null);
    this.forget(chosen);
    for (const entry of chosen) reset(entry);
    this.run = new Run(server, () => this.draw());
    this.began_ms = performance.now();
    this.going = chosen;
    this.downloads.said = null; // that was about what is done anew now
    setText(this.spoken, t("work.begun", { count: chosen.length }));
    this.drawNow();
    await this.run.go(chosen, this.choices.asked);
    this.run = null;
    if (chosen.length === 1 && chosen[0].prediction) this.show(chosen[0]);
    this.drawNow();
    setText(this.spoken, this.summary());
  }

  /** @param {Entry|null} entry whose result is shown */
  show(entry) {
    const before = this.open;
    this.open = entry;
    this.result.show(entry);
    this.drawNow();
    if (entry) {
      this.result.element.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      this.result.name.focus({ preventScroll: true });
    } else if (before) this.list.focus(before);
  }

  /** @param {Entry} entry */
  remove(entry) {
    if (unsaved(entry) && !confirm(t("work.remove.lose", { name: entry.name }))) return;
    const next = this.list.next(entry);
    this.without([entry]);
    if (next) this.list.focus(next);
    else this.intake.focus();
  }

  /** @param {Entry[]} some all, or those that are ticked */
  clear(some) {
    if (some.some(unsaved) && !confirm(t("work.clear.lose", { count: some.length }))) return;
    this.without(some);
    this.intake.say(() => "");
    if (!this.entries.length) this.intake.focus();
  }

  /** @param {Entry[]} gone */
  without(gone) {
    const going = new Set(gone);
    this.forget(gone);
    this.entries = this.entries.filter((entry) => !going.has(entry));
    if (this.open && going.has(this.open)) this.show(null);
    this.drawNow();
  }

  /** The server deletes the jobs that no file here belongs to any more. @param {Entry[]} gone */
  forget(gone) {
    const going = new Set(gone);
    const kept = new Set(this.entries.filter((entry) => !going.has(entry)).map((entry) => entry.job));
    for (const job of new Set(gone.map((entry) => entry.job))) if (job && !kept.has(job)) server.remove(job);
  }

  draw() {
    this.drawing ||= setTimeout(() => this.drawNow(), DRAW_EVERY_MS);
  }

  drawNow() {
    clearTimeout(this.drawing);
    this.drawing = 0;
    const { run, entries, going } = this;
    document.title = `${t("work.title")} \u00b7 Undertone`;
    this.list.show(entries, this.open, Boolean(run), this.downloads.packing);
    const { ticked } = this.list;
    const { meant } = this;
    this.choices.show(run ? going.length : meant.length);
    this.choices.enable(!run);
    setText(this.start, t(run ? "work.stop" : startOf(ticked.length > 0, meant.some(waits) || !meant.length), { count: meant.length }));
    /** @type {HTMLButtonElement} */ (this.start).disabled = !entries.length || Boolean(run?.stopped);
    this.progress.hidden = !run;
    this.going_on.classList.toggle("busy", Boolean(run));
    const over = going.filter(isOver);
    const passed = run ? (over.length + run.under_way) / going.length : 0;
    if (going.length > 1 || passed) this.progress.setAttribute("value", String(passed));
    else this.progress.removeAttribute("value"); // nobody knows yet
    setText(this.status, [this.summary(), run?.trouble?.(), this.downloads.said?.(), this.rest(over)].filter(Boolean).join(" "));
    this.voices.show(ticked, entries.length);
    this.library.show(entries, ticked);
  }

  /** @returns {string} how many files are how far */
  summary() {
    const count = counts(this.entries);
    const going = count.sending + count.working;
    return [["done", count.done], ["failed", count.failed], ["working", going], ["waiting", count.waiting]]
      .filter(([, number]) => number).map(([state, number]) => t(`work.summary.${state}`, { count: number })).join(" ");
  }

  /** @param {Entry[]} over @returns {string} how long it will take */
  rest(over) {
    if (!this.run) return "";
    const bytes = (/** @type {Entry[]} */ some) => some.reduce((sum, entry) => sum + entry.size, 0);
    const rest_s = this.going.length > 1 ? remaining(bytes(over), bytes(this.going) - bytes(over), (performance.now() - this.began_ms) / 1000) : this.run.remaining_s;
    return rest_s === null ? "" : t("work.remaining", { time: durationText(rest_s) });
  }

  relabel() {
    this.list.forget();
    this.intake.relabel();
    this.result.show(this.open);
    this.voices.relabel();
    this.library.relabel();
    this.drawNow();
  }
}

/** @param {boolean} ticked whether the files were @param {boolean} fresh whether something waits among them @returns {string} the key of what the button says */
function startOf(ticked, fresh) {
  if (ticked) return fresh ? "work.start.ticked" : "work.again.ticked";
  return fresh ? "work.start" : "work.again";
}

new App();
