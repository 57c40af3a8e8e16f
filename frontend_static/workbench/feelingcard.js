/** How a recording sounds as a whole: a large word, plain sentences, all scores as bars, how far to trust it. */
import { glyph, h, trust } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energyText, labelText, LABELS, reliability } from "../shared/labels.js";
import { feelingWord, sentencesText } from "./words.js";

/** @param {any} reading as `workbench/results.py` has it, null where nobody is read @param {boolean} several whether it is of several people @returns {HTMLElement} */
export function feelingCard(reading, several) {
  const label = reading?.stands_out[0] ?? null;
  const says = reading ? sentencesText([reading.sentence, reading.advice]) : t("shared.emotion_not_inferred");
  const card = h("section.panel.feels", { "aria-label": t("work.feeling") },
    h("div.feeling", {}, glyph(label), h("div", {}, h("p.word", {}, feelingWord(reading)), h("p.says", {}, says), several ? h("p.quiet", {}, t("work.several")) : null)),
    reading?.label ? scoreBars(reading.scores) : null, reading?.label ? facts(reading) : null);
  card.style.setProperty("--tone", label ? `var(--${label})` : "transparent");
  return card;
}

/** @param {Record<string, number>} scores @returns {HTMLElement} the highest first */
export function scoreBars(scores) {
  const falling = [...LABELS].sort((a, b) => scores[b] - scores[a]);
  return h("ul.scores", { "aria-label": t("work.scores") }, ...falling.map((label) => {
    const fill = h("i");
    fill.style.width = `${scores[label] * 100}%`;
    fill.style.background = `var(--${label})`;
    return h("li", {}, glyph(label), h("span.name", {}, labelText(label)), h("span.bar", { "aria-hidden": "true" }, fill), h("span.value", {}, percent(scores[label])));
  }));
}

/** @param {any} reading */
function facts({ band, confidence, arousal, shape, speech_s }) {
  const { text, says } = reliability(band);
  const bars = trust();
  bars.setAttribute("data-level", band);
  const fact = (/** @type {string} */ key, /** @type {(Node|string)[]} */ ...values) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, ...values));
  return h("dl.facts", {}, fact("work.confidence", percent(confidence)), fact("work.band", bars, h("span", { title: says }, text)),
    fact("work.shape", t(`work.shape.${shape}`)), fact("work.energy", arousal === null ? "\u2013" : energyText(arousal)),
    fact("work.speech", t("work.seconds.exact", { value: speech_s })));
}
