/**
 * The last minutes of a call in small: what its place in the list, its sparkline and its sentence are made of. Pure.
 *
 * @typedef {import("./distress.js").Evidence} Evidence
 * @typedef {{n: number, distress: number, arousal: number|null}} Bin the `n`-th stretch of `BIN_S`: its distress at the
 *   end, its highest arousal, null in silence
 * @typedef {{evidence: Record<string, Evidence>, bins: Bin[], led: Record<string, number>,
 *   voices: Record<string, string|null>}} Pulse `evidence`: by channel; `led`: by emotion, when it last came first;
 *   `voices`: by channel, who last sounded angry or fearful
 * @typedef {{t: number, channel: number, speaker: string|null, label: string|null, angry: number, fearful: number,
 *   arousal: number|null, reliability: string}} Beat
 */
import { distress, weighed } from "./distress.js";

export const BIN_S = 2;
/** Three minutes. */
export const MOST_BINS = 90;

/** @type {Pulse} */
export const STILL = { evidence: {}, bins: [], led: {}, voices: {} };

/** @param {Pulse} pulse @param {Beat} beat @returns {Pulse} */
export function beaten(pulse, beat) {
  const key = String(beat.channel);
  const evidence = { ...pulse.evidence, [key]: weighed(pulse.evidence[key], beat) };
  const bins = fill(pulse, Math.floor(beat.t / BIN_S));
  const last = bins[bins.length - 1];
  const arousal = beat.arousal === null ? last.arousal : Math.max(last.arousal ?? 0, beat.arousal);
  bins[bins.length - 1] = { n: last.n, arousal, distress: highest(evidence, beat.t) };
  const upset = beat.label === "angry" || beat.label === "fearful";
  return {
    evidence,
    bins,
    led: beat.label ? { ...pulse.led, [beat.label]: beat.t } : pulse.led,
    voices: upset || !(key in pulse.voices) ? { ...pulse.voices, [key]: beat.speaker } : pulse.voices,
  };
}

/** The distress of the channel that has most of it. @param {Pulse} pulse @param {number} t */
export function distressAt(pulse, t) {
  return highest(pulse.evidence, t);
}

/** @param {Pulse} pulse @param {number} t @returns {{channel: number, evidence: Evidence}|null} the channel that has most distress */
export function worst(pulse, t) {
  const [first] = Object.entries(pulse.evidence).sort(([, a], [, b]) => distress(b, t) - distress(a, t));
  return first ? { channel: Number(first[0]), evidence: first[1] } : null;
}

/** The bins up to `t`, those of a silence at the end among them. @param {Pulse} pulse @param {number} t @returns {Bin[]} */
export function binsUntil(pulse, t) {
  return pulse.bins.length ? fill(pulse, Math.floor(t / BIN_S)) : [];
}

/** A new list that reaches to the `n`-th bin. @returns {Bin[]} */
function fill(/** @type {Pulse} */ pulse, /** @type {number} */ n) {
  const bins = pulse.bins.slice();
  const from = Math.max(bins.length ? bins[bins.length - 1].n + 1 : n, n - MOST_BINS + 1);
  for (let i = from; i <= n; i++) bins.push({ n: i, arousal: null, distress: highest(pulse.evidence, (i + 1) * BIN_S) });
  return bins.length > MOST_BINS ? bins.slice(-MOST_BINS) : bins;
}

/** @returns {number} */
function highest(/** @type {Record<string, Evidence>} */ evidence, /** @type {number} */ t) {
  let most = 0;
  for (const key in evidence) most = Math.max(most, distress(evidence[key], t));
  return most;
}
