/**
 * Sentences of the workbench, which come with a key and values, in the language in force.
 *
 * @typedef {{key: string, text: string, values: Record<string, string|number>}} Sentence `text`: in English
 */
import { has, language, t } from "./i18n.js";
import { labelWord } from "./labels.js";

/** Values that are labels. */
const LABELLED = new Set(["first", "second", "label", "before"]);

/** A sentence of the server; its own words where there are no others. @param {Sentence} sentence @returns {string} */
export function sentenceText({ key, text, values }) {
  const known = `work.says.${key}`;
  if (!has(known)) return text;
  return t(known, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueText(name, value, values)])));
}

/** One after the other, as the language in force puts them. @param {Sentence[]} all @returns {string} */
export function sentencesText(all) {
  return all.map(sentenceText).join(language() === "zh" ? "" : " ");
}

/** A value may be a label, or a sentence itself, whose key and values stand beside it. @param {string} name @param {string|number} value @param {Sentence["values"]} values */
function valueText(name, value, values) {
  if (LABELLED.has(name)) return labelWord(String(value));
  const { [`${name}_key`]: key, [name]: text, ...others } = values;
  return key ? sentenceText({ key: String(key), text: String(text), values: others }) : value;
}
