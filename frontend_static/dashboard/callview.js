/** The selected call: heading, state now, timeline, speakers, warnings, and what the models may be used for. */
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, sentence, speakerText } from "../shared/format.js";
import { speakers } from "../shared/geometry.js";
import { LABELS, labelText, ranked } from "../shared/labels.js";
import { NowCard } from "./nowcard.js";
import { Timeline } from "./timeline.js";
import { timeIn } from "../shared/calls.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {Record<string, number>} Scores */
/** @typedef {import("../shared/detail.js").Detail} Detail */

/** The speakers' table is worked out no more often than this. */
const SPEAKERS_EVERY_MS = 2000;
/** Less speech of nobody known is left out of the table. */
const BRIEF_S = 1;
const NON_COMMERCIAL = /\bNC\b|non-?commercial|research|evaluation/i;

export class CallView {
  #shown = "";
  /** @type {NowCard[]} */ #cards = [];
  /** @type {Detail|null} */ #listed = null;
  #listed_ms = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.name = h("h3");
    this.state = h("span.state");
    this.tags = h("span");
    this.time = h("span.time", { "aria-label": "Time in call" });
    this.cards = h("div.cards");
    this.timeline = new Timeline();
    this.speakers = h("tbody");
    this.speakersPanel = h("section.panel", {}, h("h4", {}, "Speakers"), h("table", {}, h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, "Who"), h("th.num", { scope: "col" }, "Speech"), h("th.num", { scope: "col" }, "Turns"),
      h("th", { scope: "col" }, "Mostly"))), this.speakers));
    this.notices = h("ul.notices");
    this.noticesTitle = h("h4");
    this.foot = h("p.foot");
    root.append(
      h("div.head", {}, this.name, this.state, this.tags, this.time), this.cards, this.timeline.element,
      h("div.below", {}, this.speakersPanel, h("section.panel", {}, this.noticesTitle, this.notices)), this.foot);
  }

  /** @param {Call} call with its detail @param {number} now_ms */
  show(call, now_ms) {
    const detail = /** @type {Detail} */ (call.detail);
    if (this.#shown !== key(call)) this.#build(call);
    setText(this.time, clock(timeIn(call, now_ms)));
    setText(this.state, call.state === "live" ? "Live" : `Ended: ${call.reason ?? "unknown reason"}`);
    this.state.setAttribute("data-state", call.state);
    for (const card of this.#cards) card.show(call);
    this.timeline.show(call, timeIn(call, now_ms));
    if (this.#listed?.notices !== detail.notices) this.#listNotices(detail);
    if (this.#listed !== detail && (call.state === "ended" || now_ms - this.#listed_ms > SPEAKERS_EVERY_MS)) {
      this.#listed_ms = now_ms;
      this.#listSpeakers(call, detail);
    }
    this.#listed = detail;
  }

  /** @param {Call} call */
  #build(call) {
    this.#shown = key(call);
    this.#listed_ms = 0;
    setText(this.name, call.call_id);
    const tags = Object.entries({ via: call.transport, ...call.tags });
    this.tags.replaceChildren(...tags.flatMap(([k, v]) => [h("span.tag", {}, `${k}: ${v}`), " "]));
    const channels = call.state === "live" ? call.channels : overall(call);
    this.#cards = channels.map((channel) => new NowCard(channel, cardTitle(channel, call)));
    this.cards.replaceChildren(...this.#cards.map((card) => card.element));
    setText(this.foot, licences(call));
  }

  #listSpeakers(/** @type {Call} */ call, /** @type {Detail} */ detail) {
    const feelings = call.state === "live" ? feelingsSoFar(detail) : feelingsOf(detail.summary);
    /** @type {Map<string|null, {speech_s: number, turns: number}>} */
    const sums = new Map();
    for (const turn of detail.turns) {
      const sum = sums.get(turn.speaker) ?? { speech_s: 0, turns: 0 };
      sums.set(turn.speaker, { speech_s: sum.speech_s + (turn.end_s ?? call.duration_s) - turn.start_s, turns: sum.turns + 1 });
    }
    if ((sums.get(null)?.speech_s ?? BRIEF_S) < BRIEF_S) sums.delete(null);
    const order = speakers(call, detail, 0);
    const rows = [...sums].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
    this.speakersPanel.hidden = !sums.size;
    this.speakers.replaceChildren(...rows.map(([speaker, sum]) => h("tr", {},
      h("td", {}, speakerText(speaker, call.names)), h("td.num", {}, clock(sum.speech_s)), h("td.num", {}, String(sum.turns)),
      h("td", {}, ...mostly(feelings.get(speaker), call, speaker)))));
  }

  /** @param {Detail} detail */
  #listNotices(detail) {
    setText(this.noticesTitle, detail.notices.length ? `Warnings (${detail.notices.length})` : "No warnings");
    const items = [...detail.notices].reverse().map((notice) =>
      h("li", {}, h("time", {}, clock(notice.t)), h("span", { title: notice.code }, sentence(notice.reason))));
    this.notices.replaceChildren(...items);
  }
}

/** What the fixed parts depend on. @param {Call} call */
function key(call) {
  return JSON.stringify([call.call_id, call.state, call.transport, call.tags, call.channels, call.models]);
}

/** @param {import("../shared/calls.js").Channel} channel @param {Call} call */
function cardTitle(channel, call) {
  const who = channel.role === "mixed" ? "Everyone on the line" : sentence(channel.role);
  return call.state === "live" ? who : `${who}, whole call`;
}

/** An ended call is told as a whole: one card for all channels on which emotion was inferred. @param {Call} call */
function overall(call) {
  const inferred = call.channels.filter((channel) => channel.emotion);
  return inferred.length ? [{ ...inferred[0], role: inferred.map((channel) => channel.role).join(" and ") }] : call.channels.slice(0, 1);
}

/** @param {any} summary @returns {Map<string|null, Scores|null>} */
function feelingsOf(summary) {
  return new Map((summary?.speakers ?? []).map((/** @type {any} */ speaker) => [speaker.speaker, speaker.emotion]));
}

/** While a call is live its summary is that of the moment it was opened, so the points tell. @returns {Map<string|null, Scores|null>} */
function feelingsSoFar(/** @type {Detail} */ detail) {
  /** @type {Map<string|null, Scores[]>} */
  const heard = new Map();
  for (const { speaker, scores, label } of Object.values(detail.points).flat()) {
    if (!heard.has(speaker)) heard.set(speaker, []);
    if (label) heard.get(speaker)?.push(scores);
  }
  return new Map([...heard].map(([speaker, all]) => [speaker, all.length ? mean(all) : null]));
}

/** @param {Scores[]} all @returns {Scores} */
function mean(all) {
  return Object.fromEntries(LABELS.map((label) => [label, all.reduce((sum, scores) => sum + (scores[label] ?? 0), 0) / all.length]));
}

/** @param {Scores|null|undefined} emotion @param {Call} call @param {string|null} speaker */
function mostly(emotion, call, speaker) {
  const channel = call.channels.find((c) => c.role === speaker);
  if (channel && !channel.emotion) return [h("span.quiet", {}, "not inferred")];
  if (!emotion) return ["\u2013"];
  const [first] = ranked(emotion, 0);
  return [glyph(first.label), `${labelText(first.label)} ${percent(first.score)}`];
}

/** @param {Call} call @returns {string} */
function licences(call) {
  const models = Object.entries(call.models).filter(([, model]) => model);
  const named = models.map(([role, { name, licence }]) => `${role} by ${name} (${licence || "no licence stated"})`);
  const bound = models.some(([, model]) => NON_COMMERCIAL.test(model.licence));
  const caution = bound ? " Emotion was learnt from acted speech: take a label as a hint; arousal and anger are the sturdier signs. Weights under an NC licence are for evaluation, not for commercial use; for production there are emotion2vec+ and CAM++." : "";
  return named.length ? `${sentence(named.join(", "))}.${caution}` : "";
}
