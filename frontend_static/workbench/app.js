/** Wires the workbench: recordings in, through the server, and their results on the page and in files. */
import { failureText, fetchModels } from "../shared/api.js";
import { byId, h, setText } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { onLanguage, startLanguage, t } from "../shared/i18n.js";
import { masthead } from "../shared/masthead.js";
import { Choices } from "./choices.js";
import { counts, entryOf, files, MOST_FILES, named, remaining, reset, unique, unsaved, waits } from "./entries.js";
import { Intake } from "./intake.js";
import { fileUrl, server } from "./jobs.js";
import { LibraryView } from "./libraryview.js";
import { List } from "./list.js";
import { ResultView } from "./resultview.js";
import { csv, jsonLines } from "./rows.js";
import { Run } from "./run.js";
import { packed, save } from "./saving.js";
import { VoicesView } from "./voicesview.js";
import { durationText } from "./words.js";

/** @typedef {import("./entries.js").Entry} Entry */

const DRAW_EVERY_MS = 100;

class App {
  /** @type {Entry[]} */ entries = [];
  /** @type {Entry|null} */ open = null;
  /** @type {Run|null} */ run = null;
  began_ms = 0;
  last = 0;
  drawing = 0;
  /** @type {(() => string)|null} How far a download is that is being packed, or what went wrong with it. */ packing = null;

  constructor() {
    startLanguage();
    masthead(byId("masthead"), "workbench");
    this.intake = new Intake((found, skipped) => this.take(found, skipped));
    this.choices = new Choices(() => this.draw());
    this.start = h("button.button.primary.start", { type: "button", onclick: () => this.toggle() });
    this.progress = h("progress", { max: "1", hidden: true, "t-label": "work.progress" });
    this.status = h("p.status");
    this.going_on = h("div.go", {}, this.start, this.progress, this.status);
    this.spoken = h("p.unseen", { role: "status" });
    this.list = new List({
      open: (entry) => this.show(entry === this.open ? null : entry), remove: (entry) => this.remove(entry), clear: () => this.clear(),
      csv: (some) => this.saveTable(some, "csv"), jsonl: (some) => this.saveTable(some, "jsonl"), all: () => this.saveAll(),
    });
    this.result = new ResultView({
      url: (entry, file) => fileUrl(entry.job, file), taken: (entry, file) => this.taken(entry, file), result: (entry) => this.saveResult(entry), close: () => this.show(null),
    });
    this.voices = new VoicesView();
    this.library = new LibraryView((entry) => this.show(entry));
    byId("main").append(h("h1", { t: "work.title" }), h("p.lead", { t: "work.lead" }), this.intake.element, this.choices.element,
      this.going_on, this.list.element, this.result.element, this.voices.element, this.library.element, this.spoken, h("p.notice", { t: "work.notice" }));
    onLanguage(() => this.relabel());
    addEventListener("beforeunload", (event) => {
      if (this.run || this.entries.some(unsaved)) event.preventDefault();
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
      if (models.speaker) await this.voices.begin();
      await this.library.begin(models);
    } catch {
      // The server is away: whoever starts the work is told.
    }
  }

  /** @param {import("./dropped.js").Found[]} found @param {number} skipped */
  take(found, skipped) {
    const taken = new Set(this.entries.map((entry) => entry.name));
    const room = Math.max(0, MOST_FILES - this.entries.length);
    for (const { name, file } of found.slice(0, room)) {
      const entry = entryOf(this.last++, file, unique(named(name), taken));
      taken.add(entry.name);
      this.entries.push(entry);
    }
    const over = found.length - Math.min(found.length, room);
    this.intake.say(() => [t("work.came", { count: found.length - over }), skipped ? t("work.skipped", { count: skipped }) : "", over ? t("work.too_many", { count: over, most: MOST_FILES }) : ""].filter(Boolean).join(" "));
    this.draw();
  }

  /** Start, start again, or stop. */
  toggle() {
    if (this.run) this.run.stop();
    else this.begin();
  }

  async begin() {
    const waiting = this.entries.filter(waits);
    const chosen = waiting.length ? waiting : this.entries;
    if (!waiting.length) {
      if (this.entries.some(unsaved) && !confirm(t("work.again.lose"))) return;
      this.forget(chosen);
      this.show(null);
    }
    for (const entry of chosen) reset(entry);
    this.run = new Run(server, () => this.draw());
    this.began_ms = performance.now();
    this.going = chosen;
    setText(this.spoken, t("work.begun", { count: chosen.length }));
    this.drawNow();
    await this.run.go(chosen, this.choices.asked);
    this.run = null;
    if (chosen.length === 1 && chosen[0].prediction) this.show(chosen[0]);
    this.drawNow();
    setText(this.spoken, this.summary());
  }

  /** @type {Entry[]} What is being worked on. */ going = [];

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
    this.entries = this.entries.filter((other) => other !== entry);
    this.forget([entry]);
    if (entry === this.open) this.show(null);
    this.draw();
  }

  clear() {
    if (this.entries.some(unsaved) && !confirm(t("work.clear.lose"))) return;
    this.forget(this.entries);
    this.entries = [];
    this.show(null);
    this.intake.say(() => "");
    this.draw();
  }

  /** The server deletes the jobs that no file here belongs to any more. @param {Entry[]} gone */
  forget(gone) {
    const kept = new Set(this.entries.filter((entry) => !gone.includes(entry)).map((entry) => entry.job));
    for (const job of new Set(gone.map((entry) => entry.job))) if (job && !kept.has(job)) server.remove(job);
  }

  /** @param {Entry} entry @param {string} file */
  taken(entry, file) {
    entry.taken.add(file);
  }

  /** @param {Entry[]} some @param {"csv"|"jsonl"} form */
  saveTable(some, form) {
    const predictions = some.map((entry) => /** @type {any} */ (entry.prediction));
    save(`results.${form}`, [form === "csv" ? csv(predictions) : jsonLines(predictions)], form === "csv" ? "text/csv" : "application/jsonl");
    for (const entry of some) entry.taken.add("");
  }

  /** @param {Entry} entry */
  saveResult(entry) {
    save("result.json", [`${JSON.stringify(entry.prediction, null, 1)}\n`], "application/json");
    entry.taken.add("");
  }

  /** Results and embeddings as one archive, laid out like the folder of a run. */
  async saveAll() {
    const some = this.entries.filter((entry) => entry.prediction);
    const predictions = some.map((entry) => /** @type {any} */ (entry.prediction));
    const text = new TextEncoder();
    const parts = [{ name: "results.jsonl", data: text.encode(jsonLines(predictions)) }, { name: "results.csv", data: text.encode(csv(predictions)) },
      ...some.flatMap((entry) => files(entry).map((file) => ({ name: archived(entry, file), url: fileUrl(entry.job, file) })))];
    const passed = (/** @type {number} */ share) => {
      this.packing = () => t("work.packing", { share: percent(share) });
      this.draw();
    };
    try {
      save(`outputs_${stamp(new Date())}.zip`, await packed(parts, passed), "application/zip");
      for (const entry of some) for (const file of ["", ...files(entry)]) entry.taken.add(file);
      this.packing = null;
    } catch (error) {
      this.packing = failureText(error);
    }
    this.draw();
  }

  draw() {
    this.drawing ||= setTimeout(() => this.drawNow(), DRAW_EVERY_MS);
  }

  drawNow() {
    clearTimeout(this.drawing);
    this.drawing = 0;
    const { run, entries } = this;
    document.title = `${t("work.title")} \u00b7 Undertone`;
    const waiting = entries.filter(waits).length;
    this.choices.show(run ? this.going.length : waiting || entries.length);
    this.choices.enable(!run);
    setText(this.start, run ? t("work.stop") : waiting || !entries.length ? t("work.start", { count: waiting }) : t("work.again"));
    /** @type {HTMLButtonElement} */ (this.start).disabled = !entries.length;
    this.progress.hidden = !run;
    this.going_on.classList.toggle("busy", Boolean(run));
    const over = this.going.filter((entry) => entry.state === "done" || entry.state === "failed");
    if (this.going.length > 1) this.progress.setAttribute("value", String(over.length / this.going.length));
    else this.progress.removeAttribute("value"); // it is done or it is not
    setText(this.status, [this.summary(), run?.trouble?.(), this.packing?.(), this.rest(over)].filter(Boolean).join(" "));
    this.list.show(entries, this.open, Boolean(run));
    this.voices.show(entries);
    this.library.show(entries, []);
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
    if (!this.run || this.going.length < 2) return "";
    const bytes = (/** @type {Entry[]} */ some) => some.reduce((sum, entry) => sum + entry.size, 0);
    const rest_s = remaining(bytes(over), bytes(this.going) - bytes(over), (performance.now() - this.began_ms) / 1000);
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

/** @param {Entry} entry @param {string} file @returns {string} where it lies in the archive */
function archived(entry, file) {
  return file.includes("/") ? file : `embeddings/${entry.name.replace(/\.[^./]+$/, "")}${file.replace(/^embedding/, "")}`;
}

/** @param {Date} now */
function stamp(now) {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "_");
}

new App();
