/** How one channel feels right now, in words large enough to read from across the desk. */
import { glyph, h, setGlyph, setText, trust, voice } from "../shared/dom.js";
import { lag, percent, sentence, speakerText } from "../shared/format.js";
import { arousalText, labelText, ranked, reliability as trustText, shapeText } from "../shared/labels.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/calls.js").Channel} Channel */

const TOPS = 4;

export class NowCard {
  /** @param {Channel} channel @param {string} title whose emotion it is */
  constructor(channel, title) {
    this.channel = channel;
    this.voice = voice();
    this.speaker = h("span");
    const heading = h("h4", {}, title, h("span.voiced", {}, this.voice, this.speaker));
    this.element = h(`section.panel.card${channel.emotion ? "" : ".without"}`, { "aria-label": title }, heading);
    this.face = channel.emotion ? new Face() : null;
    this.element.append(...(this.face?.elements ?? [h("p", {}, "Emotion not inferred for this role.")]));
    if (channel.role === "mixed") this.element.append(h("p.remark", {}, "One channel for all voices: an agent on it is analysed too."));
  }

  /** @param {Call} call */
  show(call) {
    const live = call.state === "live";
    const speaking = live && call.speaking.includes(this.channel.channel);
    this.voice.setAttribute("data-on", speaking ? "yes" : "no");
    const who = call.channels.length > 1 ? "Speaking" : `${speakerText(call.speaker, call.names)} \u00b7 speaking`;
    setText(this.speaker, speaking ? who : live ? "Silent" : "Call ended");
    this.face?.show(live ? nowOf(call, this.channel.channel) : overallOf(call), live);
  }
}

/** A feeling in words, shape, bars and facts. */
class Face {
  constructor() {
    this.glyph = glyph(null);
    this.word = h("p.word");
    this.sub = h("p.sub");
    this.tops = h("ul.tops", { "aria-label": "Strongest emotions" }, ...Array.from({ length: TOPS }, topRow));
    this.trust = trust();
    this.fact = { reliability: h("dd"), arousal: h("dd"), lag: h("dd"), snr: h("dd", { title: "signal-to-noise ratio" }) };
    const row = (/** @type {string} */ name, /** @type {HTMLElement[]} */ ...values) => h("div", {}, h("dt", {}, name), ...values);
    this.elements = [
      h("div.body", {}, h("div.feeling", {}, this.glyph, h("div", {}, this.word, this.sub)), this.tops),
      h("dl.facts", {}, row("Reliability", this.fact.reliability), row("Arousal", this.fact.arousal),
        row("Lag", this.fact.lag), row("SNR", this.fact.snr)),
    ];
    this.reliability = h("span");
    this.fact.reliability.append(this.trust, " ", this.reliability);
  }

  /** @param {Feeling|null} feeling null: nothing heard yet @param {boolean} live */
  show(feeling, live) {
    const label = feeling?.label ?? null;
    setGlyph(this.glyph, label);
    this.word.classList.toggle("none", !label);
    setText(this.word, feeling || !live ? labelText(label) : "Listening");
    setText(this.sub, !feeling ? (live ? "no speech heard yet" : "") : feelingText(feeling, live));
    const scores = label && feeling ? ranked(feeling.scores).slice(0, TOPS) : [];
    [...this.tops.children].forEach((row, i) => setTop(/** @type {HTMLElement} */ (row), scores[i]));
    const { reliability, arousal, lag: late, snr } = this.fact;
    const trusted = feeling?.reliability ? trustText(feeling.reliability) : null;
    this.trust.setAttribute("data-level", feeling?.reliability ?? "none");
    setText(this.reliability, trusted?.text ?? "\u2013");
    reliability.title = trusted?.says ?? "";
    setText(arousal, feeling?.arousal != null ? `${feeling.arousal.toFixed(2)} ${arousalText(feeling.arousal)}` : "\u2013");
    setText(late, lag(feeling?.lag_ms));
    setText(snr, feeling?.snr_db != null ? `${Math.round(feeling.snr_db)} dB` : "\u2013");
    for (const value of [reliability, late, snr]) /** @type {HTMLElement} */ (value.parentElement).hidden = !live;
  }
}

/** @typedef {{label: string|null, confidence: number, scores: Record<string, number>, arousal: number|null,
 *   shape: string|null, reliability: string|null, snr_db?: number|null, lag_ms?: number|null}} Feeling */

/** @param {Call} call @param {number} channel @returns {Feeling|null} */
function nowOf(call, channel) {
  return call.emotions[channel] ?? null;
}

/** What an ended call was like as a whole: its last moment would say little. @param {Call} call @returns {Feeling|null} */
function overallOf(call) {
  const summary = call.detail?.summary;
  if (!summary?.emotion) return null;
  const [first] = ranked(summary.emotion, 0);
  return { label: first.label, confidence: first.score, scores: summary.emotion, arousal: summary.arousal, shape: null, reliability: null };
}

/** @param {Feeling} feeling @param {boolean} live */
function feelingText(feeling, live) {
  if (!feeling.label) return "nothing to judge by";
  const words = [`${percent(feeling.confidence)} ${live ? "confidence" : "on average"}`, shapeText(feeling)];
  return words.filter(Boolean).join(", ");
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
