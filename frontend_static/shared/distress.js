/**
 * How much a call needs someone: the anger and fear heard lately, from 0 to 1. Pure functions.
 *
 * Every score counts by its reliability and for the time it stands for, and fades: after `FADE_S` it counts a third.
 * `DOUBT_S` of nothing at all is always added, so that little speech says little and silence lets the value fall.
 *
 * @typedef {{t: number, weight_s: number, angry_s: number, fearful_s: number}} Evidence of one channel, as it was at `t`
 * @typedef {{t: number, angry: number, fearful: number, reliability: string}} Heard
 */

export const FADE_S = 20;
const DOUBT_S = 3;
/** A score stands for the hop before it, which a busy server widens to 2 s at most; after a pause, for the usual one. */
const HOP_S = 0.5;
const LONGEST_HOP_S = 2.1;
/** @type {Record<string, number>} */
const WEIGHTS = { high: 1, medium: 0.7, low: 0.35, unusable: 0 };

/** @param {Evidence|undefined} before @param {Heard} score @returns {Evidence} */
export function weighed(before, score) {
  const since_s = before ? Math.max(0, score.t - before.t) : Infinity;
  const kept = Math.exp(-since_s / FADE_S);
  const weight_s = (WEIGHTS[score.reliability] ?? 0) * (since_s <= LONGEST_HOP_S ? since_s : HOP_S);
  return {
    t: score.t,
    weight_s: (before?.weight_s ?? 0) * kept + weight_s,
    angry_s: (before?.angry_s ?? 0) * kept + weight_s * score.angry,
    fearful_s: (before?.fearful_s ?? 0) * kept + weight_s * score.fearful,
  };
}

/** @param {Evidence|undefined} evidence @param {number} t not before the evidence @returns {number} in [0, 1) */
export function distress(evidence, t) {
  if (!evidence) return 0;
  const kept = Math.exp(-Math.max(0, t - evidence.t) / FADE_S);
  return (kept * (evidence.angry_s + evidence.fearful_s)) / (kept * evidence.weight_s + DOUBT_S);
}

/** @param {Evidence} evidence @returns {"angry"|"fearful"} which of the two there is more of */
export function leading(evidence) {
  return evidence.fearful_s > evidence.angry_s ? "fearful" : "angry";
}
