/** What the call was, once it is over: its length, how it sounded on the whole, and who spoke. */
import { glyph, h } from "../shared/dom.js";
import { clock, percent, reasonText, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { labelText, labelWord, ranked } from "../shared/labels.js";

/** @typedef {import("./listening.js").Heard} Heard */
/** @typedef {Record<string, number>} Scores */

const TOPS = 3;
/** Less speech than this is no ground for a word about the whole. */
const LEAST_S = 3;

/** @param {Heard} heard an ended call @returns {HTMLElement} */
export function summaryView(heard) {
  const { summary } = heard.detail;
  const [first] = summary.emotion && summary.speech_s >= LEAST_S ? ranked(summary.emotion, 0) : [];
  const overall = first ? t("mic.over.overall", { label: labelWord(first.label) }) : t("mic.over.nothing");
  const fact = (/** @type {string} */ key, /** @type {string} */ value) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  return h("div.summary", {},
    h("div.feeling", {}, glyph(first?.label), h("p.word", {}, overall)),
    heard.reason === "finished" ? null : h("p.hint", {}, t("mic.over.reason", { reason: reasonText(heard.reason) })),
    h("dl.figures", {}, fact("mic.over.duration", clock(summary.duration_s)), fact("mic.over.speech", clock(summary.speech_s)),
      fact("mic.over.voices", String(summary.speakers.length)), fact("mic.over.changes", String(summary.speaker_changes))),
    summary.speakers.length ? table(heard, summary.speakers) : null,
    ...heard.past.map(({ call_id }) => h("p.hint", {}, t("mic.over.earlier", { call: call_id }))),
    h("p", {}, h("a", { href: `/dashboard#call=${encodeURIComponent(heard.call_id)}` }, t("mic.over.dashboard"))));
}

/** @param {Heard} heard @param {{speaker: string, speech_s: number, turns: number, emotion: Scores|null}[]} speakers */
function table(heard, speakers) {
  const head = ["mic.over.who", "mic.over.speech", "mic.over.turns", "mic.over.mostly"];
  const rows = speakers.map(({ speaker, speech_s, turns, emotion }) => h("tr", {},
    h("th", { scope: "row" }, speakerText(speaker, heard.names)), h("td", {}, clock(speech_s)), h("td", {}, String(turns)),
    h("td", {}, ...mostly(emotion))));
  return h("table", {}, h("thead", {}, h("tr", {}, ...head.map((key) => h("th", { scope: "col" }, t(key))))), h("tbody", {}, ...rows));
}

/** @param {Scores|null} emotion @returns {(Node|string)[]} */
function mostly(emotion) {
  if (!emotion) return ["\u2013"];
  return ranked(emotion, 0.1).slice(0, TOPS).map(({ label, score }) => h("span.score", {}, glyph(label), `${labelText(label)} ${percent(score)}`));
}
