/** What is asked of the recordings. The switch for embeddings says what will be written, where, and how much. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { expectedBytes } from "./sizes.js";
import { sizeText } from "./words.js";

/** @typedef {import("./run.js").Asked} Asked */

const GRANULARITIES = /** @type {const} */ (["utterance", "turn", "frame"]);
const ROLES = ["", "customer,agent", "agent,customer"];

export class Choices {
  /** @type {Asked} */ asked = { granularity: "utterance", embeddings: false, speakers: false, every_frame: false, roles: "" };
  #files = 0;
  /** @type {number|null} */ #size = null;

  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    const granularities = GRANULARITIES.map((value) => {
      const input = h("input", { type: "radio", name: "granularity", value, checked: value === this.asked.granularity, onchange: () => this.#set({ granularity: value }) });
      return h("label", {}, input, h("span", { t: `work.detail.${value}` }));
    });
    const roles = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#set({ roles: roles.value }) }, ...ROLES.map((value) => h("option", { value, t: `work.roles.${value.replace(",", "_") || "mixed"}` }))));
    this.speakers = this.#box("speakers");
    this.switch = h("button.switch", { type: "button", role: "switch", "aria-describedby": "work-written", onclick: () => this.#set({ embeddings: !this.asked.embeddings }) },
      h("i", { "aria-hidden": "true" }), h("span", { t: "work.write" }), h("strong"));
    this.written = h("p", { id: "work-written" });
    this.element = h("section.panel.asked", { "t-label": "work.asked" }, h("h2", { t: "work.asked" }), h("div.asks", {},
      h("fieldset", {}, h("legend", { t: "work.detail" }), ...granularities),
      h("div.more", {}, h("label.choice", {}, h("span", { t: "work.roles" }), roles), this.speakers, this.#box("every_frame")),
      h("div.writes", {}, this.switch, this.written)));
    this.show(0);
  }

  /** @param {{emotion: {embedding_size: number}|null, speaker: object|null}} models of the server */
  know({ emotion, speaker }) {
    this.#size = emotion?.embedding_size || null;
    this.speakers.hidden = !speaker;
    this.show(this.#files);
  }

  /** @param {number} files that wait */
  show(files) {
    this.#files = files;
    const { embeddings, granularity } = this.asked;
    this.switch.setAttribute("aria-checked", String(embeddings));
    setText(/** @type {Element} */ (this.switch.lastElementChild), t(embeddings ? "work.write.on" : "work.write.off"));
    this.element.classList.toggle("writing", embeddings);
    setText(this.written, embeddings ? [t(`work.written.${granularity}`), this.#much(), t("work.written.where")].filter(Boolean).join(" ") : t("work.written.nothing"));
  }

  /** Once the work has begun it is too late. @param {boolean} on */
  enable(on) {
    for (const control of this.element.querySelectorAll("input, select, button")) /** @type {HTMLInputElement} */ (control).disabled = !on;
  }

  /** How much will be written, as far as that can be known before. */
  #much() {
    if (this.#size === null) return "";
    const { granularity } = this.asked;
    const bytes = sizeText(expectedBytes(granularity, this.#size, Math.max(1, this.#files)));
    return t(`work.much.${granularity}`, { bytes, size: this.#size, count: Math.max(1, this.#files) });
  }

  /** @param {Partial<Asked>} change */
  #set(change) {
    this.asked = { ...this.asked, ...change };
    this.show(this.#files);
    this.changed();
  }

  /** @param {"speakers"|"every_frame"} name */
  #box(name) {
    const input = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", onchange: () => this.#set({ [name]: input.checked }) }));
    return h("label.box", {}, input, h("span", { t: `work.${name}` }));
  }
}
