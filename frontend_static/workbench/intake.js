/** How recordings come in: dropped, chosen, a folder, or spoken into the microphone. */
import { h, setText } from "../shared/dom.js";
import { clock } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { allowed, meterShare } from "../shared/microphone.js";
import { dropped, nothing, picked } from "./dropped.js";
import { LONGEST_S, Recorder } from "./recorder.js";

/** @typedef {import("./dropped.js").Found} Found */
/** @typedef {import("./dropped.js").Left} Left */

const LEVEL_EVERY_MS = 100;

export class Intake {
  /** @type {Recorder|null} */ #recorder = null;
  #timer = 0;
  #asking = false;
  /** @type {() => string} */ #said = () => "";

  /** @param {(found: Found[], left: Left) => void} came */
  constructor(came) {
    this.came = came;
    const [files, choose] = picker("work-files", "work.choose", false, (input) => this.#pick(input, false));
    const folder = picker("work-folder", "work.choose_folder", true, (input) => this.#pick(input, true));
    this.files = files;
    this.record = h("button.button", { type: "button", onclick: () => this.#toggle() });
    this.meter = h("i");
    this.running = h("p.recording", { hidden: true }, h("span.meter", { "aria-hidden": "true" }, this.meter), h("span.time"));
    this.note = h("p.note", { role: "status" });
    this.element = h("section.panel.intake", { "t-label": "work.intake" }, h("p.lead", { t: "work.drop" }), h("div.buttons", {}, files, choose, ...folder, this.record),
      this.running, h("p.hint", { t: "work.formats" }), this.note);
    this.#listen();
    this.relabel();
  }

  /** Whether something is being recorded that would be lost. */
  get recording() {
    return this.#recorder !== null;
  }

  focus() {
    this.files.focus();
  }

  relabel() {
    setText(this.record, t(this.#recorder ? "work.record.stop" : "work.record"));
    setText(this.note, this.#said());
  }

  /** @param {() => string} words */
  say(words) {
    this.#said = words;
    this.relabel();
  }

  #listen() {
    const over = (/** @type {boolean} */ on) => this.element.classList.toggle("over", on);
    const files = (/** @type {DragEvent} */ { dataTransfer }) => Boolean(dataTransfer?.types.includes("Files"));
    document.addEventListener("dragover", (event) => {
      if (!files(event)) return; // words are dragged into a field, say
      event.preventDefault();
      over(true);
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
    document.addEventListener("drop", async (event) => {
      if (!event.dataTransfer || !files(event)) return;
      event.preventDefault();
      over(false);
      this.say(() => t("work.looking"));
      const { found, left } = await dropped(event.dataTransfer);
      this.came(found, left);
    });
  }

  /** @param {HTMLInputElement} input @param {boolean} folder */
  #pick(input, folder) {
    const { found, left } = picked(input.files ?? [], folder);
    input.value = ""; // so that the same can be chosen again
    this.came(found, left);
  }

  async #toggle() {
    if (this.#recorder) {
      this.#recorder.stop();
      return;
    }
    if (!allowed()) {
      this.say(() => t("mic.problem.insecure", { host: location.host }));
      return;
    }
    if (this.#asking) return;
    this.#asking = true;
    this.say(() => t("mic.asking"));
    try {
      this.#recorder = await Recorder.begin((file) => this.#recorded(file));
      this.say(() => "");
      this.#timer = setInterval(() => this.#follow(), LEVEL_EVERY_MS);
    } catch (error) {
      const code = /** @type {{code?: string}} */ (error).code ?? "failed";
      this.say(() => t(`mic.problem.${code}`));
    }
    this.#asking = false;
    this.#follow();
  }

  #follow() {
    const recorder = this.#recorder;
    this.running.hidden = !recorder;
    if (!recorder) return;
    this.meter.style.transform = `scaleX(${meterShare(recorder.level.read_db())})`;
    setText(/** @type {Element} */ (this.running.lastElementChild), `${clock(recorder.time_s)} / ${clock(LONGEST_S)}`);
    if (recorder.time_s >= LONGEST_S) recorder.stop();
  }

  /** @param {File} file */
  #recorded(file) {
    clearInterval(this.#timer);
    this.#recorder = null;
    this.#follow();
    this.relabel();
    this.came([{ name: file.name, file }], nothing());
  }
}

/** A button that is a file chooser for the keyboard and for screen readers, too.
 * @param {string} id @param {string} key of its words @param {boolean} folder @param {(input: HTMLInputElement) => void} chosen */
function picker(id, key, folder, chosen) {
  const input = /** @type {HTMLInputElement} */ (h("input.unseen", { type: "file", id, multiple: true, webkitdirectory: folder, onchange: () => chosen(input) }));
  return [input, h("label.button", { for: id, t: key })];
}
