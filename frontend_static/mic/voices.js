/** Who has been heard in this call, who speaks now, and what the visitor calls them. */
import { h, setText, voice } from "../shared/dom.js";
import { clock, speakerText } from "../shared/format.js";
import { speakers } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";

/** @typedef {import("./listening.js").Heard} Heard */

const LANES = 6;
const LONGEST_NAME = 40;

/** The colour of a voice, as on the strip. @param {number} place among the voices @returns {string} a custom property of theme.css */
export function laneName(place) {
  return `lane-${(place % LANES) + 1}`;
}

/** The voices in their lanes' order; nobody known is none. @param {Heard} heard @returns {string[]} */
export function voicesOf(heard) {
  const call = /** @type {any} */ (heard); // geometry.js asks for the channels only.
  return /** @type {string[]} */ (speakers(call, heard.detail, 0).filter((speaker) => speaker !== null));
}

export class Voices {
  /** @type {Map<string, Voice>} */ #rows = new Map();

  /** @param {(speaker: string, name: string) => void} onName told of what the visitor calls a voice; "": nothing any more */
  constructor(onName) {
    this.onName = onName;
    this.list = h("ul.voices");
    this.none = h("p.quiet", { t: "mic.voices.none" });
    this.hint = h("p.hint", { t: "mic.voices.hint" });
    this.element = h("section.panel", { "aria-labelledby": "voices-heading" },
      h("div.heading", {}, h("h2", { id: "voices-heading", t: "mic.voices" }), this.hint), this.none, this.list);
  }

  /** @param {Heard} heard @param {number} now_s */
  show(heard, now_s) {
    const known = voicesOf(heard);
    this.none.hidden = known.length > 0;
    this.hint.hidden = heard.channels.length > 1; // Roles have their names.
    for (const [speaker, row] of this.#rows) {
      if (known.includes(speaker)) continue;
      row.element.remove();
      this.#rows.delete(speaker);
    }
    known.forEach((speaker, place) => {
      const row = this.#rows.get(speaker) ?? new Voice(speaker, heard.channels.length === 1, this.onName);
      if (this.list.children[place] !== row.element) this.list.insertBefore(row.element, this.list.children[place] ?? null);
      this.#rows.set(speaker, row);
      row.show(heard, place, now_s);
    });
  }
}

class Voice {
  #told = "";

  /** @param {string} speaker @param {boolean} nameable a role has a name already @param {(speaker: string, name: string) => void} onName */
  constructor(speaker, nameable, onName) {
    this.speaker = speaker;
    this.onName = onName;
    this.dot = h("span.dot", { "aria-hidden": "true" });
    this.name = h("span.name");
    this.bars = voice();
    this.speaking = h("span.speaking", { t: "mic.voices.speaking" });
    this.time = h("span.time");
    this.rename = h("button.quiet-button", { type: "button", onclick: () => this.#edit(true) });
    this.rename.hidden = !nameable;
    this.field = /** @type {HTMLInputElement} */ (h("input", { type: "text", maxlength: String(LONGEST_NAME), autocomplete: "off", spellcheck: "false" }));
    this.form = h("form.naming", { hidden: true, onsubmit: (/** @type {Event} */ event) => this.#keep(event) }, this.field,
      h("button.button", { type: "submit", t: "mic.voices.save" }));
    this.field.addEventListener("keydown", (event) => event.key === "Escape" && this.#edit(false));
    this.element = h("li", {}, this.dot, this.name, this.bars, this.speaking, this.time, this.rename, this.form);
  }

  /** @param {Heard} heard @param {number} place @param {number} now_s */
  show(heard, place, now_s) {
    const role = heard.channels.find((channel) => channel.role === this.speaker);
    const on = heard.speaking.length > 0 && (role ? heard.speaking.includes(role.channel) : heard.speaker === this.speaker);
    const speech_s = heard.detail.turns
      .filter((turn) => turn.speaker === this.speaker)
      .reduce((sum, turn) => sum + (turn.end_s ?? now_s) - turn.start_s, 0);
    this.#told = heard.names.get(this.speaker) ?? "";
    const text = speakerText(this.speaker, heard.names);
    this.dot.style.background = `var(--${laneName(place)})`;
    setText(this.name, text);
    this.bars.setAttribute("data-on", on ? "yes" : "no");
    this.speaking.hidden = !on;
    setText(this.time, clock(speech_s));
    setText(this.rename, t("mic.voices.name"));
    const label = t("mic.voices.rename", { speaker: text });
    this.rename.setAttribute("aria-label", label);
    this.field.setAttribute("aria-label", label);
  }

  /** @param {boolean} open */
  #edit(open) {
    this.form.hidden = !open;
    this.rename.hidden = open;
    if (!open) return this.rename.focus();
    this.field.value = this.#told;
    this.field.focus();
    this.field.select();
  }

  /** @param {Event} event */
  #keep(event) {
    event.preventDefault();
    this.onName(this.speaker, this.field.value.trim());
    this.#edit(false);
  }
}
