/** What the workbench's results are called, in the language in force. */
import { t } from "../shared/i18n.js";
import { labelText, labelWord } from "../shared/labels.js";

export { sentencesText, sentenceText } from "../shared/sentences.js";

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
