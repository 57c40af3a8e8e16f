/**
 * What the nine emotions are called, how they look, and in which order they are stacked.
 * Every label has a word, a shape and a colour, so that none of the three is needed alone. Colours live in theme.css.
 */
import { sentence } from "./format.js";
import { has, t } from "./i18n.js";

/** @typedef {"angry"|"disgusted"|"fearful"|"happy"|"neutral"|"other"|"sad"|"surprised"|"unknown"} Label */

/** The one order of the wire. @type {Label[]} */
export const LABELS = ["angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "unknown"];

/** From the bottom of the chart up: what calls for attention below; neighbours differ for any colour vision. @type {Label[]} */
export const STACK = ["angry", "fearful", "sad", "disgusted", "surprised", "happy", "other", "unknown", "neutral"];

/** Shapes in a 24 x 24 box (SVG path data). */
const SHAPES = {
  angry: "M12 2 L23 21 H1 Z",
  disgusted: "M12 1 L21.5 6.5 V17.5 L12 23 L2.5 17.5 V6.5 Z",
  fearful: "M12 1 L22 12 L12 23 L2 12 Z",
  happy: "M12 2 A10 10 0 1 0 12 22 A10 10 0 1 0 12 2 Z",
  neutral: "M2 8 H22 V16 H2 Z",
  other: "M3 3 H21 V21 H3 Z M8 8 V16 H16 V8 Z",
  sad: "M1 3 H23 L12 22 Z",
  surprised: "M12 1 L15 9 L23 12 L15 15 L12 23 L9 15 L1 12 L9 9 Z",
  unknown: "M4 10 H8 V14 H4 Z M10 10 H14 V14 H10 Z M16 10 H20 V14 H16 Z",
};
const NONE = "M2 11 H22 V13 H2 Z";

/** How far a score can be trusted, in words. @param {string} level @returns {{text: string, says: string}} */
export function reliability(level) {
  return { text: t(`shared.reliability.${level}`), says: t(`shared.reliability.${level}.says`) };
}

/** @param {string|null|undefined} label @returns {string} "Angry"; an unheard-of label is shown as it came. */
export function labelText(label) {
  const key = `shared.label.${label ?? "none"}`;
  return has(key) ? t(key) : sentence(label ?? "");
}

/** @param {string} label @returns {string} "angry", as it stands inside a sentence */
export function labelWord(label) {
  return labelText(label).toLowerCase();
}

/** @param {string|null|undefined} label @returns {string} SVG path data in a 24 x 24 box */
export function labelShape(label) {
  return (label && SHAPES[/** @type {Label} */ (label)]) || NONE;
}

/**
 * The labels by falling score, those worth naming only.
 * @param {Record<string, number>} scores
 * @param {number} [atLeast]
 * @returns {{label: string, score: number}[]}
 */
export function ranked(scores, atLeast = 0.05) {
  return LABELS.map((label) => ({ label, score: scores[label] ?? 0 }))
    .filter((entry) => entry.score >= atLeast)
    .sort((a, b) => b.score - a.score);
}

/** How much energy there is in a voice. "Calm" and "agitated" are not said of it: beside "sad" and "happy" they would contradict. @param {number} arousal in [0, 1] @returns {"low"|"medium"|"high"} */
export function energy(arousal) {
  return arousal < 0.35 ? "low" : arousal < 0.65 ? "medium" : "high";
}

/** @param {number} arousal in [0, 1] @returns {string} */
export function energyText(arousal) {
  return t(`shared.energy.${energy(arousal)}`);
}

/** @param {{shape: string|null, label: string|null, scores: Record<string, number>}} emotion */
export function shapeText(emotion) {
  if (emotion.shape === "flat") return t("shared.shape.flat");
  if (emotion.shape !== "mixed") return "";
  const second = ranked(emotion.scores).find((entry) => entry.label !== emotion.label);
  return second ? t("shared.shape.mixed_with", { label: labelWord(second.label) }) : t("shared.shape.mixed");
}
