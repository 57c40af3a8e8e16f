/**
 * The files of the workbench, each with its own line: what it is called, how far it is, what came out. Pure.
 *
 * waiting -> sending -> working -> done | failed; what is asked for again waits again.
 *
 * @typedef {"waiting"|"sending"|"working"|"done"|"failed"} State
 * @typedef {import("../shared/sentences.js").Sentence} Sentence
 * @typedef {{reason: () => string, remedy: () => string, again: boolean}} Trouble in the language in force; `again`: whether trying again may help
 * @typedef {Record<string, any>} Prediction as `workbench/results.py` documents it
 * @typedef {{name: string, size: number, state: State, share: number|null, prediction: Prediction|null, trouble: Trouble|null,
 *   job: string|null, kept_until: string|null, granularity: string, taken: Set<string>}} Progressed
 *   `share`: in [0, 1], of what is sent, or of what is heard of it where that is known; `granularity`: what was asked for; `taken`: the files that
 *   were downloaded, "" for the result itself; `kept_until`: when the server deletes what it made of it, RFC 3339
 * @typedef {Progressed & {id: number, file: File}} Entry `id`: no other's on this page
 * @typedef {Record<State, number>} Counts
 */

/** What is taken out of a folder; a file that is chosen by itself is tried whatever it is called. */
export const SUFFIXES = new Set(["wav", "flac", "mp3", "m4a", "aac", "ogg", "oga", "opus", "webm", "amr", "3gp", "wma", "aif", "aiff",
  "au", "mka", "mkv", "mp4", "mov", "avi"]);
/** So many files a page takes. */
export const MOST_FILES = 5000;
/** With room for the number of a name that is there more than once. */
const MOST_NAME = 240;
const MOST_PART_BYTES = 190;

/** @param {string} path @returns {boolean} whether it is called like a recording */
export function isRecording(path) {
  const name = path.split("/").at(-1) ?? "";
  return !name.startsWith(".") && name.includes(".") && SUFFIXES.has(name.split(".").at(-1)?.toLowerCase() ?? "");
}

/** What it is called here and in archives: without what is not to be seen, and within its folders. @param {string} name @returns {string} */
export function named(name) {
  const printable = name.replaceAll("\\", "/").replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, "");
  const path = printable.split("/").filter((part) => !/^[. ]*$/.test(part)).map(shortened).join("/");
  return [...path].slice(-MOST_NAME).join("").replace(/^[/ ]+|[/ ]+$/g, "") || "recording";
}

/** No longer than a disk takes, with its kind. @param {string} part @returns {string} */
function shortened(part) {
  const bytes = new TextEncoder().encode(part);
  if (bytes.length <= MOST_PART_BYTES) return part;
  const suffix = part.match(/.(\.[A-Za-z0-9]{1,8})$/)?.[1] ?? "";
  return new TextDecoder().decode(bytes.slice(0, MOST_PART_BYTES - suffix.length), { stream: true }) + suffix; // without half a character
}

/** No two are called alike. @param {string} name @param {ReadonlySet<string>} taken @returns {string} "call (2).wav" */
export function unique(name, taken) {
  const dot = name.lastIndexOf(".") > name.lastIndexOf("/") + 1 ? name.lastIndexOf(".") : name.length;
  let [found, number] = [name, 1];
  while (taken.has(found)) found = `${name.slice(0, dot)} (${++number})${name.slice(dot)}`;
  return found;
}

/** The name that a file is sent by, so that its own may hold what it likes: browsers and servers write some signs otherwise.
 * @param {{id: number, name: string}} entry @returns {string} "17.flac" */
export function sentAs({ id, name }) {
  return `${id}${name.match(/\.[A-Za-z0-9]{1,8}$/)?.[0] ?? ""}`;
}

/** @param {number} id @param {File} file @param {string} name no other entry's @returns {Entry} */
export function entryOf(id, file, name) {
  return { id, file, name, size: file.size, state: "waiting", share: null, prediction: null, trouble: null, job: null, kept_until: null,
    granularity: "utterance", taken: new Set() };
}

/** @param {Progressed} entry as if nothing had been asked of it yet */
export function reset(entry) {
  Object.assign(entry, { state: "waiting", share: null, prediction: null, trouble: null, job: null, kept_until: null });
  entry.taken.clear();
}

/** @param {Progressed} entry @param {Prediction} prediction its line of result */
export function conclude(entry, prediction) {
  Object.assign(entry, { state: prediction.status, prediction: { ...prediction, file: entry.name }, share: null });
}

/** @param {Progressed} entry @param {Trouble} trouble why it has no result at all */
export function fail(entry, trouble) {
  Object.assign(entry, { state: "failed", trouble, share: null });
}

/** @param {Iterable<Progressed>} entries @returns {Counts} */
export function counts(entries) {
  const out = { waiting: 0, sending: 0, working: 0, done: 0, failed: 0 };
  for (const entry of entries) out[entry.state] += 1;
  return out;
}

/** @param {Progressed} entry @returns {string[]} the files that were made of it */
export function files(entry) {
  return (entry.prediction?.embeddings ?? []).map((/** @type {any} */ each) => each.file).filter(Boolean);
}

/** Whether it is taken up when the work begins: it waits, or went wrong on the way and not by its own fault. @param {Progressed} entry */
export function waits(entry) {
  return entry.state === "waiting" || Boolean(entry.trouble?.again);
}

/** @param {Progressed} entry whether nothing more will come of it by itself */
export function isOver({ state }) {
  return state === "done" || state === "failed";
}

/** Whether leaving the page loses something: the result of a file, or an embedding that was asked for. @param {Progressed} entry */
export function unsaved(entry) {
  return entry.state === "done" && !["", ...files(entry)].every((file) => entry.taken.has(file));
}

/**
 * Files in the order they wait, as one job takes them: so many, and so many bytes. A larger file goes alone.
 * @template {{size: number}} T @param {T[]} waiting @param {number} most_files @param {number} most_bytes @returns {T[][]}
 */
export function batches(waiting, most_files, most_bytes) {
  /** @type {T[][]} */
  const out = [];
  let bytes = 0;
  for (const entry of waiting) {
    const last = out.at(-1);
    if (last && last.length < most_files && bytes + entry.size <= most_bytes) {
      last.push(entry);
      bytes += entry.size;
    } else {
      out.push([entry]);
      bytes = entry.size;
    }
  }
  return out;
}

/** How long the rest takes at the pace so far. @param {number} done bytes @param {number} left bytes @param {number} taken_s @returns {number|null} seconds; null before there is a pace */
export function remaining(done, left, taken_s) {
  return done > 0 && taken_s > 0 ? (taken_s / done) * left : null;
}
