/**
 * Turns: stretches of speech of one speaker, kept up to date while the call goes on. Pure functions.
 * @typedef {{speaker: string|null, channel: number, start_s: number, end_s: number|null}} Turn `end_s` null: goes on
 */

/** How close to the call's end a turn must lie to be the one that still goes on. */
const OPEN_SLACK_S = 2;
/** Newest turns kept for the page. */
const MOST_TURNS = 2000;

/** @param {Turn[]} turns @param {number} channel @param {string|null} speaker @param {number} t @returns {Turn[]} */
export function speechStarted(turns, channel, speaker, t) {
  const open = { speaker, channel, start_s: t, end_s: null };
  return [...turns.filter((turn) => !(isOpen(turn) && turn.channel === channel)), open].slice(-MOST_TURNS);
}

/**
 * Closes what is open on the channel. Speech whose start was never seen is added.
 * @param {Turn[]} turns @param {number} channel @param {string|null} speaker @param {number} start_s @param {number} t
 * @returns {Turn[]}
 */
export function speechEnded(turns, channel, speaker, start_s, t) {
  if (turns.some((turn) => isOpen(turn) && turn.channel === channel)) {
    return turns
      .map((turn) => (isOpen(turn) && turn.channel === channel ? { ...turn, end_s: t } : turn))
      .filter((turn) => turn.end_s === null || turn.end_s > turn.start_s);
  }
  const before = Math.max(start_s, ...turns.filter((turn) => turn.channel === channel).map((turn) => turn.end_s ?? 0));
  return t > before ? [...turns, { speaker, channel, start_s: before, end_s: t }].slice(-MOST_TURNS) : turns;
}

/**
 * Gives everything since `t` on the channel to the new speaker, cutting the turn in which the boundary lies.
 * @param {Turn[]} turns @param {number} channel @param {string} to @param {number} t @returns {Turn[]}
 */
export function speakerChanged(turns, channel, to, t) {
  return turns.flatMap((turn) => {
    if (turn.channel !== channel || (turn.end_s !== null && turn.end_s <= t)) return [turn];
    if (turn.start_s >= t) return [{ ...turn, speaker: to }];
    if (turn.speaker === to) return [turn];
    return [
      { ...turn, end_s: t },
      { ...turn, speaker: to, start_s: t },
    ];
  });
}

/** @param {Turn[]} turns @param {string} from @param {string} into @returns {Turn[]} */
export function speakerMerged(turns, from, into) {
  return turns.map((turn) => (turn.speaker === from ? { ...turn, speaker: into } : turn));
}

/**
 * The turns of a summary, the last one of every channel in speech opened again.
 * @param {Turn[]} turns @param {number[]} speaking channels @param {number} duration_s
 * @param {(channel: number) => string|null} speakerOf
 * @returns {Turn[]}
 */
export function reopened(turns, speaking, duration_s, speakerOf) {
  const result = turns.slice(-MOST_TURNS);
  for (const channel of speaking) {
    const at = result.findLastIndex((turn) => turn.channel === channel);
    if (at >= 0 && (result[at].end_s ?? duration_s) > duration_s - OPEN_SLACK_S) result[at] = { ...result[at], end_s: null };
    else result.push({ speaker: speakerOf(channel), channel, start_s: duration_s, end_s: null });
  }
  return result;
}

/** @param {Turn[]} turns @param {number} t @returns {Turn[]} what is being said at `t` */
export function turnsAt(turns, t) {
  return turns.filter((turn) => turn.start_s <= t && (turn.end_s === null || turn.end_s >= t));
}

/** @param {Turn} turn */
function isOpen(turn) {
  return turn.end_s === null;
}
