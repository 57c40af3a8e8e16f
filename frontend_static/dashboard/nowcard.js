/** How one channel feels right now, in words large enough to read from across the desk. */
import { glyph, h, setGlyph, setText, trust, voice } from "../shared/dom.js";
import { lag, percent, roleText, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energyText, labelText, ranked, reliability as trustText, shapeText } from "../shared/labels.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/calls.js").Channel} Channel */

const TOPS = 4;
const NONE = "\u2013";

export class NowCard {
  /** @param {Channel} channel */
  constructor(channel) {
    this.channel = channel;
    this.title = h("h3");
    this.voice = voice();
    this.speaker = h("span");
    this.element = h(`section.panel.card${channel.emotion ? "" : ".without"}`, {},
      h("div.card-top", {}, this.title, h("span.voiced", {}, this.voice, this.speaker)));
    this.face = channel.emotion ? new Face() : null;
    this.element.append(...(this.face?.elements ?? [h("p.remark", { t: "shared.emotion_not_inferred" })]));
    if (channel.role === "mixed") this.element.append(h("p.remark", { t: "dash.card.mixed" }));
  }

  /** @param {Call} call @param {string} title whose emotion it is */
  show(call, title) {
    const live = call.state === "live";
    const speaking = live && call.speaking.includes(this.channel.channel);
    setText(this.title, title);
    this.element.setAttribute("aria-label", title);
    this.voice.setAttribute("data-on", speaking ? "yes" : "no");
    this.voice.hidden = !live;
    const who = call.channels.length > 1 ? t("dash.card.speaking") : t("dash.now_speaking", { who: speakerText(call.speaker, call.names) });
    setText(this.speaker, speaking ? who : live ? t("dash.silence") : "");
    this.face?.show(live ? (call.emotions[this.channel.channel] ?? null) : overallOf(call), live);
  }
}

/** Title of a channel's card. @param {Channel} channel @param {Call} call */
export function cardTitle(channel, call) {
  const who = channel.role === "mixed" ? t("dash.card.everyone") : channel.role.split(" + ").map(roleText).join(" + ");
  return call.state === "live" ? t("dash.card.now", { who }) : t("dash.card.whole", { who });
}

/** A feeling in words, shape, bars and facts. */
class Face {
  constructor() {
    this.glyph = glyph(null);
    this.word = h("p.word");
    this.sub = h("p.sub");
    this.tops = h("ul.tops", { "t-label": "dash.card.strongest" }, ...Array.from({ length: TOPS }, topRow));
    this.trust = trust();
    this.reliability = h("span");
    this.fact = { reliability: h("dd", {}, this.trust, " ", this.reliability), arousal: h("dd"), lag: h("dd"), snr: h("dd") };
    const row = (/** @type {string} */ key, /** @type {HTMLElement} */ value) => h("div", {}, h("dt", { t: key }), value);
    this.elements = [
      h("div.body", {}, h("div.feels-now", {}, this.glyph, h("div", {}, this.word, this.sub)), this.tops),
      h("dl.facts", {}, row("dash.card.reliability", this.fact.reliability), row("dash.people.arousal", this.fact.arousal),
        row("dash.card.lag", this.fact.lag), row("dash.card.snr", this.fact.snr)),
    ];
  }

  /** @param {Feeling|null} feeling null: nothing heard yet @param {boolean} live */
  show(feeling, live) {
    const label = feeling?.label ?? null;
    setGlyph(this.glyph, label);
    this.word.classList.toggle("none", !label);
    setText(this.word, feeling || !live ? labelText(label) : t("dash.listening"));
    setText(this.sub, feeling ? feelingText(feeling, live) : live ? t("dash.why.unheard") : "");
    const scores = label && feeling ? ranked(feeling.scores).slice(0, TOPS) : [];
    [...this.tops.children].forEach((row, i) => setTop(/** @type {HTMLElement} */ (row), scores[i]));
    const { reliability, arousal, lag: late, snr } = this.fact;
    const trusted = feeling?.reliability ? trustText(feeling.reliability) : null;
    this.trust.setAttribute("data-level", feeling?.reliability ?? "none");
    setText(this.reliability, trusted ? t("shared.reliability.says", trusted) : NONE);
    setText(arousal, feeling?.arousal != null ? `${percent(feeling.arousal)}, ${energyText(feeling.arousal)}` : NONE);
    setText(late, lag(feeling?.lag_ms));
    setText(snr, feeling?.snr_db != null ? `${Math.round(feeling.snr_db)} dB` : NONE);
    for (const value of [reliability, late, snr]) /** @type {HTMLElement} */ (value.parentElement).hidden = !live;
  }
}

/** @typedef {{label: string|null, confidence: number, scores: Record<string, number>, arousal: number|null,
 *   shape: string|null, reliability: string|null, snr_db?: number|null, lag_ms?: number|null}} Feeling */

/** What an ended call was like as a whole: its last moment would say little. @param {Call} call @returns {Feeling|null} */
function overallOf(call) {
  const summary = call.detail?.summary;
  if (!summary?.emotion) return null;
  const [first] = ranked(summary.emotion, 0);
  return { label: first.label, confidence: first.score, scores: summary.emotion, arousal: summary.arousal, shape: null, reliability: null };
}

/** @param {Feeling} feeling @param {boolean} live */
function feelingText(feeling, live) {
  if (!feeling.label) return t("shared.reliability.unusable.says");
  const sure = t(live ? "dash.card.confidence" : "dash.card.average", { percent: percent(feeling.confidence) });
  return [sure, shapeText(feeling)].filter(Boolean).join(", ");
}

function topRow() {
  return h("li", {}, h("span"), h("span.bar", { "aria-hidden": "true" }, h("i")), h("span.value"));
}

/** @param {HTMLElement} row @param {{label: string, score: number}|undefined} top */
function setTop(row, top) {
  row.style.visibility = top ? "visible" : "hidden";
  if (!top) return;
  const [name, bar, value] = row.children;
  setText(name, labelText(top.label));
  setText(value, percent(top.score));
  const fill = /** @type {HTMLElement} */ (bar.firstElementChild);
  fill.style.width = `${top.score * 100}%`;
  fill.style.background = `var(--${top.label})`;
}
