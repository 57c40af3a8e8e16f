/** Plays recordings of the page by their names, one at a time. Others, whose embeddings are kept, are not here to be heard. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { Player } from "./player.js";

/** @typedef {import("./entries.js").Entry} Entry */

export class Listening {
  /** @type {Map<string, Entry>} */ #entries = new Map();
  /** @type {string|null} What is played, or was last. */ #name = null;
  /** @type {number|null} Where it began. */ #start_s = null;
  #said = "";

  /** @param {HTMLElement} root in which the buttons are */
  constructor(root) {
    this.root = root;
    this.player = new Player(() => this.#tell());
  }

  /** @param {Entry[]} entries of the page @returns {boolean} whether others can be heard now than before */
  show(entries) {
    if (entries.length === this.#entries.size && entries.every((entry) => this.#entries.get(entry.name) === entry)) return false;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    if (this.#name !== null && !this.has(this.#name)) this.stop();
    return true;
  }

  /** @param {string} name @returns {Entry|null} the recording, if the page has it */
  find(name) {
    return this.#entries.get(name) ?? null;
  }

  /** @param {string} name */
  has(name) {
    return this.#entries.has(name);
  }

  /** @param {string} name @param {number|null} start_s of a part */
  toggle(name, start_s = null) {
    const entry = this.#entries.get(name);
    if (!entry) return;
    if (this.#name === name && this.#start_s === start_s) {
      this.player.toggle();
      return;
    }
    if (this.#name !== name) this.player.open(entry.file);
    [this.#name, this.#start_s] = [name, start_s];
    this.player.play(start_s ?? 0);
  }

  stop() {
    this.player.close();
    this.#name = null;
    this.#tell();
  }

  /** @param {string} name @param {number|null} [start_s] @returns {HTMLElement} plays it, or says that it is not here */
  button(name, start_s = null) {
    if (!this.has(name)) return h("span.quiet", {}, t("work.library.away"));
    const button = h("button.link.plays", { type: "button", "data-plays": name, onclick: () => this.toggle(name, start_s) });
    this.#mark(button);
    return button;
  }

  #tell() {
    const said = `${this.#name} ${this.player.playing} ${this.player.playable}`;
    if (said === this.#said) return; // each frame tells
    this.#said = said;
    for (const button of this.root.querySelectorAll("[data-plays]")) this.#mark(/** @type {HTMLElement} */ (button));
  }

  /** @param {HTMLElement} button */
  #mark(button) {
    const name = button.dataset.plays ?? "";
    const own = name === this.#name;
    const key = own && !this.player.playable ? "unplayable" : own && this.player.playing ? "pause" : "play";
    setText(button, t(`work.library.listen.${key}`));
    button.setAttribute("aria-label", `${t(`work.library.listen.${key}`)}: ${name}`);
  }
}
