/** The call that needs help first, and why, in words that are read from across the room. */
import { timeIn } from "../shared/calls.js";
import { h, setText } from "../shared/dom.js";
import { clock, ruleText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { LevelMark } from "./levelmark.js";
import { Spark } from "./spark.js";
import { speakingSentence, whyFirst } from "./why.js";

/** @typedef {import("./row.js").Item} Item */

/** A screen reader is told of another call no more often than this. */
const SPEAK_EVERY_MS = 10_000;

export class Headline {
  #spoken = { text: "", at_ms: 0 };

  constructor() {
    this.level = new LevelMark();
    this.sentence = h("p.sentence");
    this.about = h("p.about");
    this.spark = new Spark();
    this.legend = h("p.legend", { t: "dash.spark.legend" });
    this.picture = h("div.picture", {}, this.spark.canvas, this.legend);
    this.link = h("a.button.primary", { t: "dash.open" });
    this.live = h("p.unseen", { role: "status" });
    this.element = h("section.headline", { "t-label": "dash.headline" },
      h("div.words", {}, h("p.title", {}, this.level.element), this.sentence, this.about, this.link), this.picture, this.live);
  }

  /**
   * @param {Item|null} worst the first of all live calls; null: there is none @param {boolean} open whether it is open already
   * @param {number} now_ms @param {(call_id: string) => string} href
   */
  show(worst, open, now_ms, href) {
    const level = worst?.standing?.level ?? "calm";
    const quiet = !worst || level === "calm";
    const title = quiet ? t(`dash.headline.${worst ? "calm" : "none"}`) : t(`dash.headline.${level}`, { call: worst.call.call_id });
    this.element.dataset.level = level;
    this.level.show(level, title);
    this.picture.hidden = this.sentence.hidden = this.about.hidden = quiet;
    this.link.hidden = quiet || open;
    if (!quiet) this.#tell(worst, now_ms, href);
    this.#speak(level === "help" ? `${title}. ${this.sentence.textContent}` : "", now_ms);
  }

  /** @param {Item} worst @param {number} now_ms @param {(call_id: string) => string} href */
  #tell({ call, standing }, now_ms, href) {
    const now_s = timeIn(call, now_ms);
    setText(this.sentence, t("dash.sentence", { text: whyFirst(call, standing, now_s) }));
    const tags = Object.values(call.tags);
    const rules = [...new Set(standing?.alerts.map((alert) => ruleText(alert.rule)))];
    const alerts = rules.length ? [t("dash.headline.alerts", { rules: rules.join(", "), count: rules.length })] : [];
    setText(this.about, [...alerts, t("dash.time_in", { time: clock(now_s) }), speakingSentence(call), ...tags].join(" \u00b7 "));
    this.spark.show(call.pulse, standing?.level ?? "calm", now_s);
    if (this.link.getAttribute("href") !== href(call.call_id)) this.link.setAttribute("href", href(call.call_id));
  }

  /** @param {string} text without its numbers it is the same news @param {number} now_ms */
  #speak(text, now_ms) {
    const news = text.replace(/\d+/g, "");
    if (news === this.#spoken.text || now_ms - this.#spoken.at_ms < SPEAK_EVERY_MS) return;
    this.#spoken = { text: news, at_ms: now_ms };
    setText(this.live, text);
  }
}
