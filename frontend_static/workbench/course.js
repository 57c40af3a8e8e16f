/**
 * A recording over time: stretches to draw, who spoke, what is said of a moment; and the scores of frames, a column per pixel. Pure.
 *
 * @typedef {import("../shared/geometry.js").Stretch} Stretch
 * @typedef {{channel: number, start_s: number, end_s: number, scores: Record<string, number>, label: string, confidence: number, band: string, arousal: number}} Point
 * @typedef {{channel: number, frame_s: number, labels: string[], scores: (number[]|null)[]}} Frames
 * @typedef {{label: string, means: Float64Array}} Ridge `means`: of the frames below each column, not a number where nobody speaks
 */

/** Labels that never come up to this are not drawn. */
const LEAST_PEAK = 0.15;

/**
 * Points stand for 3 s each and overlap; drawn is the middle of each, as wide as from one to the next.
 * The first reaches back to its start, the last on to its end. Pauses leave holes.
 * @param {Point[]} points of one channel, in time order @returns {Stretch[]}
 */
export function stretchesOf(points) {
  const step = Math.min(...points.slice(1).map((point, i) => point.end_s - points[i].end_s), points.length ? points[0].end_s - points[0].start_s : 0);
  return points.map((point, i) => {
    const middle = (point.start_s + point.end_s) / 2;
    const [joined, goes_on] = [touches(points[i - 1], point, step), touches(point, points[i + 1], step)];
    return {
      from_s: joined ? middle - step / 2 : point.start_s,
      to_s: goes_on ? middle + step / 2 : point.end_s,
      point: { t: middle, scores: point.scores, label: point.label, reliability: point.band, arousal: point.arousal, confidence: point.confidence },
    };
  }).map((stretch) => /** @type {Stretch} */ (/** @type {unknown} */ (stretch)));
}

/** @param {Point|undefined} one @param {Point|undefined} next @param {number} step */
function touches(one, next, step) {
  return Boolean(one && next && next.end_s - one.end_s < step * 1.01);
}

/** @param {Point[]} points @param {number} at_s @returns {Point|null} the one whose middle is nearest, of those that hold the moment */
export function pointAt(points, at_s) {
  const holding = points.filter((point) => point.start_s <= at_s && at_s <= point.end_s);
  const apart = (/** @type {Point} */ point) => Math.abs((point.start_s + point.end_s) / 2 - at_s);
  return holding.length ? holding.reduce((best, point) => (apart(point) < apart(best) ? point : best)) : null;
}

/** @param {Frames} frames @param {number} columns px @returns {Ridge[]} those worth drawing, in the frames' order of labels */
export function ridges({ labels, scores }, columns) {
  const heard = scores.filter((row) => row !== null);
  return labels.flatMap((label, index) => {
    const peak = heard.reduce((most, row) => Math.max(most, row[index]), 0);
    return peak < LEAST_PEAK ? [] : [{ label, means: means(scores, index, columns) }];
  });
}

/** @param {(number[]|null)[]} scores @param {number} index of the label @param {number} columns @returns {Float64Array} */
function means(scores, index, columns) {
  const out = new Float64Array(columns);
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * scores.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * scores.length) / columns));
    let [sum, count] = [0, 0];
    for (let frame = from; frame < to && frame < scores.length; frame++) {
      const row = scores[frame];
      if (row) [sum, count] = [sum + row[index], count + 1];
    }
    out[column] = count ? sum / count : NaN;
  }
  return out;
}
