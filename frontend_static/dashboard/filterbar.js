/** What narrows the list down. Every choice goes into the address, from where it comes back. */
import { h, setText } from "../shared/dom.js";
import { roleText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";
import { filters } from "./filters.js";
import { LevelMark } from "./levelmark.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./ranking.js").Level} Level */
/** @typedef {{live: number, ended: number, levels: Record<Level, number>, alerts: number}} Counts */

const LEVELS = /** @type {Level[]} */ (["help", "watch", "calm"]);
/** Typing is taken over once it pauses. */
const TYPED_MS = 200;

export class FilterBar {
  /** @type {Address|null} */ #address = null;
  #typing = 0;

  /** @param {(change: Partial<Address>) => void} change */
  constructor(change) {
    this.live = new Tab("dash.live", () => change({ view: "live" }));
    this.ended = new Tab("dash.ended", () => change({ view: "ended", level: null }));
    this.levels = LEVELS.map((level) => new LevelButton(level, () => change({ level: this.#address?.level === level ? null : level })));
    this.role = new Choice("role", roleText, (role) => change({ role }));
    this.tag = new Choice("tag", (tag) => tag.replace(":", ": "), (tag) => change({ tag }));
    this.emotion = new Choice("emotion", labelText, (emotion) => change({ emotion }));
    this.alertCount = h("span.count");
    this.alert = h("button.chip", { type: "button", "aria-pressed": "false", onclick: () => change({ alert: !this.#address?.alert }) },
      h("span", { t: "dash.filter.alert" }), this.alertCount);
    this.find = /** @type {HTMLInputElement} */ (h("input.find", { type: "search", "t-label": "dash.filter.find", autocomplete: "off", spellcheck: "false" }));
    this.find.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => change({ find: this.find.value.trim() }), TYPED_MS);
    });
    this.clear = h("button.plain", { type: "button", t: "dash.filter.clear",
      onclick: () => change({ role: null, tag: null, emotion: null, level: null, alert: false, find: "" }) });
    this.chips = h("div.chips", {}, ...this.levels.map((button) => button.element), this.alert);
    this.element = h("div.filters", { role: "group", "t-label": "dash.filter" },
      h("div.tabs", { role: "group", "t-label": "dash.view" }, this.live.element, this.ended.element), this.chips,
      h("div.choices", {}, this.role.element, this.tag.element, this.emotion.element, this.find, this.clear));
  }

  /** @param {Address} address @param {Counts} counts @param {ReturnType<typeof import("./filters.js").choices>} choices */
  show(address, counts, choices) {
    this.#address = address;
    this.live.show(address.view === "live", counts.live);
    this.ended.show(address.view === "ended", counts.ended);
    for (const button of this.levels) button.show(address.level === button.level, counts.levels[button.level]);
    for (const button of this.levels) button.element.hidden = address.view === "ended";
    this.alert.setAttribute("aria-pressed", String(address.alert));
    setText(this.alertCount, String(counts.alerts));
    this.role.show(choices.roles, address.role);
    this.tag.show(choices.tags, address.tag);
    this.emotion.show(choices.emotions, address.emotion);
    this.find.placeholder = t("dash.filter.find");
    if (document.activeElement !== this.find && this.find.value !== address.find) this.find.value = address.find;
    this.clear.hidden = !filters(address);
  }
}

class Tab {
  /** @param {string} key of its name @param {() => void} pressed */
  constructor(key, pressed) {
    this.count = h("span.count");
    this.element = h("button.tab", { type: "button", onclick: pressed }, h("span", { t: key }), this.count);
  }

  /** @param {boolean} chosen @param {number} count */
  show(chosen, count) {
    this.element.setAttribute("aria-pressed", String(chosen));
    setText(this.count, String(count));
  }
}

class LevelButton {
  /** @param {Level} level @param {() => void} pressed */
  constructor(level, pressed) {
    this.level = level;
    this.mark = new LevelMark();
    this.count = h("span.count");
    this.element = h("button.chip", { type: "button", "aria-pressed": "false", onclick: pressed }, this.mark.element, this.count);
  }

  /** @param {boolean} pressed @param {number} count */
  show(pressed, count) {
    this.mark.show(this.level);
    this.element.setAttribute("aria-pressed", String(pressed));
    setText(this.count, String(count));
  }
}

/** One of several, or any. */
class Choice {
  #offered = "";

  /** @param {"role"|"tag"|"emotion"} name @param {(value: string) => string} text @param {(value: string|null) => void} chosen */
  constructor(name, text, chosen) {
    this.name = name;
    this.text = text;
    this.element = /** @type {HTMLSelectElement} */ (h("select", { "t-label": `dash.filter.${name}` }));
    this.element.addEventListener("change", () => chosen(this.element.value || null));
  }

  /** @param {string[]} values @param {string|null} value */
  show(values, value) {
    const any = t(`dash.filter.any.${this.name}`);
    const offered = JSON.stringify([any, values.map(this.text)]);
    if (this.#offered !== offered) {
      this.#offered = offered;
      this.element.replaceChildren(h("option", { value: "" }, any), ...values.map((v) => h("option", { value: v }, this.text(v))));
    }
    if (this.element.value !== (value ?? "")) this.element.value = value ?? "";
    this.element.classList.toggle("chosen", value !== null);
  }
}
