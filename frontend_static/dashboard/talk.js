/**
 * Who talks how much, and when nobody or both do. Pure.
 *
 * @typedef {import("../shared/turns.js").Turn} Turn
 * @typedef {{start_s: number, end_s: number}} Stretch
 * @typedef {{speaker: string|null, alone_s: number, speech_s: number, turns: number}} Share
 * @typedef {{shares: Share[], both_s: number, silent_s: number, overlaps: Stretch[], longest: Stretch|null}} Talk
 *   all `alone_s`, `both_s` and `silent_s` are the whole call; `longest`: the longest silence
 */

/** A shorter silence is a pause between words. */
const PAUSE_S = 2;

/** @param {Turn[]} turns @param {number} length_s of the call so far; an open turn lasts until then @returns {Talk} */
export function talk(turns, length_s) {
  const all = turns.map((turn) => ({ ...turn, end_s: Math.min(length_s, turn.end_s ?? length_s) })).filter((turn) => turn.end_s > turn.start_s);
  /** @type {Map<string|null, Share>} */
  const shares = new Map();
  for (const turn of all) {
    const share = shares.get(turn.speaker) ?? { speaker: turn.speaker, alone_s: 0, speech_s: 0, turns: 0 };
    shares.set(turn.speaker, { ...share, speech_s: share.speech_s + turn.end_s - turn.start_s, turns: share.turns + 1 });
  }
  /** @type {Talk} */
  const result = { shares: [], both_s: 0, silent_s: 0, overlaps: [], longest: null };
  for (const { start_s, end_s, talking } of stretches(all, length_s)) {
    const [speaker] = talking;
    const share = shares.get(speaker);
    if (talking.length > 1) overlap(result, start_s, end_s);
    else if (talking.length === 1 && share) shares.set(speaker, { ...share, alone_s: share.alone_s + end_s - start_s });
    else silence(result, start_s, end_s);
  }
  return { ...result, shares: [...shares.values()] };
}

/** The call cut wherever someone begins or ends. @param {{speaker: string|null, start_s: number, end_s: number}[]} turns @param {number} length_s */
function stretches(turns, length_s) {
  const edges = turns
    .flatMap((turn) => [{ t: turn.start_s, by: 1, speaker: turn.speaker }, { t: turn.end_s, by: -1, speaker: turn.speaker }])
    .sort((a, b) => a.t - b.t || a.by - b.by);
  /** @type {Map<string|null, number>} */
  const open = new Map();
  const result = [];
  let from = 0;
  for (const { t, by, speaker } of [...edges, { t: length_s, by: 0, speaker: null }]) {
    if (t > from) result.push({ start_s: from, end_s: t, talking: [...open.keys()] });
    from = Math.max(from, t);
    const count = (open.get(speaker) ?? 0) + by;
    if (count > 0) open.set(speaker, count);
    else open.delete(speaker);
  }
  return result;
}

/** @param {Talk} talk @param {number} start_s @param {number} end_s */
function overlap(talk, start_s, end_s) {
  talk.both_s += end_s - start_s;
  const last = talk.overlaps.at(-1);
  if (last?.end_s === start_s) last.end_s = end_s;
  else talk.overlaps.push({ start_s, end_s });
}

/** @param {Talk} talk @param {number} start_s @param {number} end_s */
function silence(talk, start_s, end_s) {
  talk.silent_s += end_s - start_s;
  const longest_s = talk.longest ? talk.longest.end_s - talk.longest.start_s : PAUSE_S;
  if (end_s - start_s > longest_s) talk.longest = { start_s, end_s };
}
