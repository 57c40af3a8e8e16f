/** Who talks how much and how they feel: shares of the time as one bar, and a row for each speaker. */
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, speakerText } from "../shared/format.js";
import { speakers } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText, LABELS, ranked, STACK } from "../shared/labels.js";
import { laneName } from "./lanes.js";
import { talk } from "./talk.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/detail.js").Detail} Detail */
/** @typedef {import("./talk.js").Share} Share */
/** @typedef {{scores: Record<string, number>|null, arousal: number|null}} Mood */

/** Speech of nobody known that is not worth a row. */
const BRIEF_S = 1;
/** A smaller share of the time rounds to nothing. */
const LEAST = 0.005;
/** Thinner slices of a mix are left out. */
const THINNEST = 0.02;

export class People {
  constructor() {
    this.bar = h("div.talk", { "aria-hidden": "true" });
    this.legend = h("ul.talk-legend");
    this.rows = h("tbody");
    const head = ["who", "speech", "turns", "feels", "arousal"].map((key) => h("th", { scope: "col", t: `dash.people.${key}` }));
    this.table = h("table", {}, h("thead", {}, h("tr", {}, ...head)), this.rows);
    this.element = h("section.panel.people", { "t-label": "dash.people" }, h("h3", { t: "dash.people" }), this.bar, this.legend,
      h("div.scrolls", { tabindex: "0", role: "group", "t-label": "dash.people" }, this.table));
  }

  /** @param {Call} call @param {Detail} detail @param {number} now_s */
  show(call, detail, now_s) {
    const all = talk(detail.turns, now_s);
    const order = speakers(call, detail, 0);
    const shares = all.shares.filter((share) => share.speaker !== null || share.speech_s >= BRIEF_S)
      .sort((a, b) => order.indexOf(a.speaker) - order.indexOf(b.speaker));
    const colour = (/** @type {string|null} */ speaker) => (speaker === null ? "quiet" : laneName(Math.max(0, order.indexOf(speaker))));
    const parts = [
      ...shares.map((share) => ({ seconds: share.alone_s, kind: colour(share.speaker), text: speakerText(share.speaker, call.names) })),
      { seconds: all.both_s, kind: "both", text: t("dash.people.both") },
      { seconds: all.silent_s, kind: "silent", text: t("dash.people.silent") },
    ].filter((part) => part.seconds >= LEAST * now_s);
    this.bar.replaceChildren(...parts.map((part) => slice(part.kind, part.seconds / Math.max(1, now_s))));
    const words = parts.map((part) => h("li", {}, slice(part.kind, null), `${part.text} ${percent(part.seconds / Math.max(1, now_s))}`));
    if (all.longest) words.push(h("li", {}, t("dash.people.longest", { seconds: Math.round(all.longest.end_s - all.longest.start_s), time: clock(all.longest.start_s) })));
    this.legend.replaceChildren(...words);
    const moods = moodsOf(call, detail);
    const spoken = shares.reduce((sum, share) => sum + share.speech_s, 0);
    this.rows.replaceChildren(...shares.map((share) => row(call, share, spoken, colour(share.speaker), moods.get(share.speaker))));
    this.table.hidden = !shares.length;
  }
}

/** @param {Call} call @param {Share} share @param {number} spoken seconds of all @param {string} colour @param {Mood|undefined} mood */
function row(call, share, spoken, colour, mood) {
  const who = h("th", { scope: "row" }, slice(colour, null), speakerText(share.speaker, call.names));
  const speech = `${clock(share.speech_s)} (${percent(share.speech_s / Math.max(0.1, spoken))})`;
  const inferred = call.channels.find((channel) => channel.role === share.speaker)?.emotion ?? true;
  const feels = h("td.feels");
  if (!inferred) feels.append(h("span.quiet", {}, t("dash.people.not_inferred")));
  else if (!mood?.scores) feels.append("\u2013");
  else feels.append(mix(mood.scores), ...leads(mood.scores));
  return h("tr", {}, who, h("td", {}, speech), h("td", {}, String(share.turns)), feels,
    h("td", {}, inferred && mood?.arousal != null ? percent(mood.arousal) : "\u2013"));
}

/** @param {Record<string, number>} scores */
function leads(scores) {
  const [first] = ranked(scores, 0);
  const word = h("span.word");
  setText(word, `${labelText(first.label)} ${percent(first.score)}`);
  return [glyph(first.label), word];
}

/** All scores as one bar, in the order of the chart. @param {Record<string, number>} scores */
function mix(scores) {
  const bar = h("span.mix", { "aria-hidden": "true" });
  for (const label of STACK) if ((scores[label] ?? 0) >= THINNEST) bar.append(slice(label, scores[label]));
  return bar;
}

/** @param {string} kind names the colour @param {number|null} share of the bar; null: a key @returns {HTMLElement} */
function slice(kind, share) {
  const element = h("i.slice", { "data-kind": kind });
  if (kind !== "both" && kind !== "silent") element.style.background = `var(--${kind})`;
  if (share !== null) element.style.flexGrow = String(share);
  return element;
}

/** While a call is live its summary is that of the moment it was opened, so the points tell. @param {Call} call @param {Detail} detail @returns {Map<string|null, Mood>} */
function moodsOf(call, detail) {
  if (call.state === "ended" && detail.summary) {
    return new Map(detail.summary.speakers.map((/** @type {any} */ of) => [of.speaker, { scores: of.emotion, arousal: of.arousal }]));
  }
  /** @type {Map<string|null, import("../shared/detail.js").Point[]>} */
  const heard = new Map();
  for (const point of Object.values(detail.points).flat()) {
    if (!point.label) continue;
    const speaker = call.channels.length > 1 ? (call.channels.find((c) => c.channel === point.channel)?.role ?? null) : point.speaker;
    const points = heard.get(speaker);
    if (points) points.push(point);
    else heard.set(speaker, [point]);
  }
  return new Map([...heard].map(([speaker, points]) => [speaker, meanOf(points)]));
}

/** @param {import("../shared/detail.js").Point[]} points not empty @returns {Mood} */
export function meanOf(points) {
  const mean = (/** @type {(point: import("../shared/detail.js").Point) => number} */ of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  return {
    scores: Object.fromEntries(LABELS.map((label) => [label, mean((point) => point.scores[label] ?? 0)])),
    arousal: mean((point) => point.arousal ?? 0),
  };
}
