/** The views of one call, and what a screen reader is told of them. */
import { byId, setText } from "../shared/dom.js";
import { AlertNotes } from "./alertnotes.js";
import { NowView } from "./nowview.js";
import { Strip } from "./strip.js";
import { Voices } from "./voices.js";
import { timeIn } from "./listening.js";

/** @typedef {import("./listening.js").Heard} Heard */

/** A screen reader is told of a new feeling no more often than this. */
const SPEAK_EVERY_MS = 5000;

export class Views {
  #spoken = { word: "", at_ms: 0 };

  /** @param {(speaker: string, name: string) => void} onName */
  constructor(onName) {
    this.now = new NowView();
    this.voices = new Voices(onName);
    this.strip = new Strip();
    this.alerts = new AlertNotes();
  }

  /** @param {HTMLElement} root @param {boolean} over only the strip is shown of a call that is over */
  place(root, over) {
    if (over) root.replaceChildren(this.strip.element);
    else root.replaceChildren(this.now.element, this.strip.element, this.voices.element);
  }

  /** @param {Heard} heard @param {import("./saying.js").Saying|null} said null: the call is over @param {number} now_ms */
  show(heard, said, now_ms) {
    this.strip.show(heard, now_ms, said === null);
    if (!said) return;
    this.now.show(said);
    this.alerts.show(heard, timeIn(heard, now_ms));
    this.voices.show(heard, timeIn(heard, now_ms));
    if (said.word === this.#spoken.word || now_ms - this.#spoken.at_ms < SPEAK_EVERY_MS) return;
    this.#spoken = { word: said.word, at_ms: now_ms };
    setText(byId("spoken"), `${said.word}. ${said.sentence}`);
  }

  relabel() {
    this.strip.relabel();
  }
}
