/** One call in the list. A row is a link, so Tab and Enter work. */
import { presses } from "../shared/alerts.js";
import { timeIn } from "../shared/calls.js";
import { glyph, h, setGlyph, setText, trust, voice } from "../shared/dom.js";
import { ago, clock, reasonText, roleText, ruleText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { labelText, reliability } from "../shared/labels.js";
import { LevelMark } from "./levelmark.js";
import { Spark } from "./spark.js";
import { speakingText, whyFirst } from "./why.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("./ranking.js").Standing} Standing */
/** @typedef {{call: Call, standing: Standing|undefined}} Item */

export class LiveRow {
  constructor() {
    this.level = new LevelMark();
    this.fill = h("i");
    this.value = h("span.value");
    this.name = h("span.name");
    this.about = h("span.about");
    this.sentence = h("span.sentence");
    this.feeling = new Feeling();
    this.spark = new Spark();
    this.voice = voice();
    this.speaking = h("span");
    this.time = h("span.time");
    this.link = h("a.call", {},
      h("span.rank", {}, this.level.element, h("span.meter", { "aria-hidden": "true" }, this.fill),
        h("span.unseen", { t: "dash.head.distress" }), this.value),
      h("span.which", {}, this.name, this.about),
      h("span.why", {}, this.sentence, this.feeling.element),
      this.spark.canvas,
      h("span.speaking", {}, this.voice, this.speaking),
      this.time);
    this.element = h("li.row", {}, this.link);
  }

  /** @param {Item} item @param {number} now_ms */
  show({ call, standing }, now_ms) {
    const now_s = timeIn(call, now_ms);
    const level = standing?.level ?? "calm";
    this.element.dataset.level = level;
    this.level.show(level, standing ? alertWord(standing) : undefined);
    const value = Math.round((standing?.value ?? 0) * 100);
    setText(this.value, String(value));
    this.fill.style.width = `${value}%`;
    setText(this.name, call.call_id);
    setText(this.about, aboutText(call));
    setText(this.sentence, whyFirst(call, standing, now_s, true));
    this.feeling.show(call, standing?.channel ?? null);
    this.spark.show(call.pulse, level, now_s);
    this.voice.setAttribute("data-on", call.speaking.length ? "yes" : "no");
    setText(this.speaking, speakingText(call));
    setText(this.time, clock(now_s));
  }
}

/** The emotion of a channel now: shape, word, and how clear it is. Its score is left to the open call: beside "unclear", 99 % would be a riddle. */
class Feeling {
  constructor() {
    this.glyph = glyph(null);
    this.word = h("span.word");
    this.trust = trust();
    this.trusted = h("span.trusted");
    this.element = h("span.feeling", {}, this.glyph, this.word, this.trust, this.trusted);
  }

  /** @param {Call} call @param {number|null} channel null: the first on which emotion is inferred */
  show(call, channel) {
    const of = channel ?? call.channels.find((c) => c.emotion)?.channel ?? -1;
    const emotion = call.emotions[of];
    this.element.hidden = of < 0;
    setGlyph(this.glyph, emotion?.label);
    const feeling = labelText(emotion?.label);
    const silent = !emotion?.label && !call.speaking.includes(of);
    const now = emotion?.label && call.state === "live" ? t("dash.row.now", { feeling }) : silent ? t("dash.row.silent") : feeling;
    setText(this.word, emotion ? now : t("dash.listening"));
    this.trust.hidden = this.trusted.hidden = !emotion?.label;
    if (!emotion?.label) return;
    this.trust.setAttribute("data-level", emotion.reliability);
    const { text, says } = reliability(emotion.reliability);
    setText(this.trusted, t("dash.row.reliability", { level: text.toLowerCase() }));
    this.trusted.title = says;
  }
}

export class EndedRow {
  constructor() {
    this.name = h("span.name");
    this.about = h("span.about");
    this.when = h("span");
    this.how = h("span.quiet");
    this.time = h("span.time");
    this.link = h("a.call.over", {}, h("span.which", {}, this.name, this.about), h("span.why", {}, this.when, this.how), this.time);
    this.element = h("li.row", {}, this.link);
  }

  /** @param {Item} item @param {number} now_ms */
  show({ call }, now_ms) {
    setText(this.name, call.call_id);
    setText(this.about, aboutText(call));
    setText(this.when, call.ended_at ? ago(call.ended_at, now_ms) : "");
    const alerts = call.alerts.map((alert) => ruleText(alert.rule));
    setText(this.how, [reasonText(call.reason), ...new Set(alerts)].join(" \u00b7 "));
    setText(this.time, clock(call.duration_s));
  }
}

/** The rule of the alert that presses, or how many do, in the place of the level's word. @param {Standing} standing @returns {string|undefined} */
function alertWord({ alerts }) {
  const pressing = alerts.filter(presses);
  if (!pressing.length) return undefined;
  if (pressing.length > 1) return t("dash.level.alerts", { count: pressing.length });
  return t("dash.level.alert", { rule: ruleText(pressing[0].rule) });
}

/** Roles and tags. @param {Call} call */
function aboutText(call) {
  const roles = call.channels.map((channel) => roleText(channel.role)).join(", ");
  return [roles, ...Object.values(call.tags)].join(" \u00b7 ");
}
