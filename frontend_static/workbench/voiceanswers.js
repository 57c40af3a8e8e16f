/** What was answered about voices, in words first and then in numbers. */
import { h } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { sentencesText, sentenceText } from "./words.js";

/** @param {any} answered of `POST /v1/verify`, `/v1/identify`, `/v1/enroll` or `/v1/voices/import`, or what went wrong @returns {HTMLElement[]} */
export function answer({ verification, identifications, voiceprint, added, left_out = [], trouble }) {
  if (trouble) return [h("ul.remarks", {}, h("li", {}, trouble()))];
  const parts = [];
  if (verification) parts.push(said(verification.sentence), pairTable(verification.pairs), caution(verification));
  for (const one of identifications ?? []) parts.push(said(one.sentence), ...(one.matches.length ? [matchTable(one.matches)] : []), ...problems(one.problems));
  if (identifications?.length) parts.push(caution(identifications[0]));
  if (voiceprint) parts.push(h("p.says", {}, t("work.voices.enrolled", { name: voiceprint.name, count: voiceprint.recordings })), ...problems(voiceprint.problems));
  if (added) parts.push(h("p.says", {}, t("work.voices.imported", { count: added.length })));
  const left = Array.isArray(left_out) ? left_out.map(({ file, failure }) => `${file}: ${sentencesText([failure.reason, failure.remedy])}`)
    : Object.entries(left_out).map(([name, reason]) => `${name}: ${sentenceText(reason)}`);
  if (left.length) parts.push(h("ul.remarks", {}, ...left.map((text) => h("li", {}, text))));
  return parts;
}

/** @param {import("./voicejobs.js").Pair[]} pairs */
function pairTable(pairs) {
  return table("work.voices.pairs", ["one", "other", "same", "probability", "cosine", "threshold"], pairs.map(({ one, other, same, probability, cosine, threshold }) =>
    [one, other, t(same ? "work.voices.yes" : "work.voices.no"), percent(probability), cosine.toFixed(2), threshold.toFixed(2)]));
}

/** @param {{name: string, probability: number, cosine: number}[]} matches */
function matchTable(matches) {
  return table("work.voices.matches", ["name", "probability", "cosine"], matches.map(({ name, probability, cosine }) => [name, percent(probability), cosine.toFixed(2)]));
}

/** @param {string} title key @param {string[]} columns @param {(string|Node)[][]} rows @returns {HTMLElement} */
export function table(title, columns, rows) {
  const head = columns.map((column) => h("th", { scope: "col" }, t(`work.voices.column.${column}`)));
  const body = rows.map(([first, ...cells]) => h("tr", {}, h("th", { scope: "row" }, first), ...cells.map((cell) => h("td", {}, cell))));
  return h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t(title) }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)));
}

/** @param {import("./entries.js").Sentence} sentence */
function said(sentence) {
  return h("p.says", {}, sentenceText(sentence));
}

/** @param {{caution: import("./entries.js").Sentence}} of */
function caution({ caution: sentence }) {
  return h("p.hint", {}, sentenceText(sentence));
}

/** @param {import("./entries.js").Sentence[]} all */
function problems(all) {
  return all.length ? [h("ul.remarks", {}, ...all.map((one) => h("li", {}, sentenceText(one))))] : [];
}
