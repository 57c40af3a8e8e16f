/** What the workbench's results are called, in the language in force. */
import { has, language, t } from "../shared/i18n.js";
import { labelText, labelWord } from "../shared/labels.js";

/** @typedef {import("./entries.js").Sentence} Sentence */

/** Values of sentences that are labels. */
const LABELLED = new Set(["first", "second", "label", "before"]);

/** A sentence of the server; its own words where there are no others. @param {Sentence} sentence @returns {string} */
export function sentenceText({ key, text, values }) {
  const known = `work.says.${key}`;
  if (!has(known)) return text;
  return t(known, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueText(name, value, values)])));
}

/** A value may be a label, or a sentence itself, whose key and values stand beside it. @param {string} name @param {string|number} value @param {Sentence["values"]} values */
function valueText(name, value, values) {
  if (LABELLED.has(name)) return labelWord(String(value));
  const { [`${name}_key`]: key, [name]: text, ...others } = values;
  return key ? sentenceText({ key: String(key), text: String(text), values: others }) : value;
}

/** One after the other, as the language in force puts them. @param {Sentence[]} all @returns {string} */
export function sentencesText(all) {
  return all.map(sentenceText).join(language() === "zh" ? "" : " ");
}

/** The feeling in a word or two. @param {any} reading as `workbench/results.py` has it, or null where nobody is read @returns {string} */
export function feelingWord(reading) {
  if (!reading) return t("work.not_read");
  if (!reading.label) return labelText(null);
  if (reading.shape === "flat" || !reading.stands_out.length) return t("work.word.flat");
  const [first, second] = reading.stands_out;
  if (second) return t("work.word.mixed", { first: labelText(first), second: labelWord(second) });
  return reading.band === "low" || reading.band === "unusable" ? t("work.word.perhaps", { label: labelWord(first) }) : labelText(first);
}

/** @param {number} bytes @returns {string} "384 B", "1.5 MB" */
export function sizeText(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)}\u00a0${units[unit]}`;
}

/** @param {number} seconds @returns {string} "4 s", "3 min", "1 h 5 min" */
export function durationText(seconds) {
  if (seconds < 100) return t("work.seconds", { value: Math.max(1, Math.round(seconds)) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t("work.minutes", { value: minutes });
  return t("work.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
