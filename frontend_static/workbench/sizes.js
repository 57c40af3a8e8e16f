/** How large the files of embeddings become. Pure. */

/** @typedef {"utterance"|"turn"|"frame"} Granularity */

/** What numpy writes before the numbers, padded to this. */
const HEADER_BYTES = 128;
const NUMBER_BYTES = 4;
export const FRAMES_PER_SECOND = 50;

/** @param {number} rows @param {number} size @returns {number} bytes of a `.npy` of float32 */
export function npyBytes(rows, size) {
  return HEADER_BYTES + rows * size * NUMBER_BYTES;
}

/** What is known before the work is done: of a recording as a whole all of it, of turns and frames so much per row or per second.
 * @param {Granularity} granularity @param {number} size of the model's embeddings @param {number} files @returns {number} bytes */
export function expectedBytes(granularity, size, files) {
  if (granularity === "utterance") return files * npyBytes(1, size);
  return (granularity === "turn" ? 1 : FRAMES_PER_SECOND) * size * NUMBER_BYTES;
}
