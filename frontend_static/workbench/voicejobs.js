/** Voices over REST: do recordings have the same speaker, whose voice is it, who is known. Failures are `ApiError`s. */
import { ApiError, ask, fetchFile, json, request } from "../shared/api.js";
import { t } from "../shared/i18n.js";
import { readable } from "./jobs.js";

/**
 * @typedef {import("./entries.js").Sentence} Sentence
 * @typedef {{name: string, model: string, recordings: number, speech_s: number, problems: Sentence[], consent: {purpose: string, expires_at: number, note: string}, encrypted: boolean}} Known
 *   times in seconds since 1970
 * @typedef {{file: string, failure: {reason: Sentence, remedy: Sentence}}} Left
 * @typedef {{one: string, other: string, cosine: number, threshold: number, same: boolean, probability: number, sentence: Sentence}} Pair
 * @typedef {{name: string, consent: string, days: string, note: string, replace: string}} Asked of a voiceprint that is to be made
 */

/** So many recordings one request may hold; a test holds it to the server's. */
export const MOST_AT_ONCE = 32;
const KNOWN = "/v1/voices";

/** @returns {Promise<Known[]>} everyone who has a voiceprint */
export async function fetchKnown() {
  return (await request(KNOWN)).voices;
}

/** @returns {Promise<Blob>} all voiceprints as a document that `takeIn` takes */
export function fetchExport() {
  return fetchFile(`${KNOWN}/export`, "GET");
}

/**
 * The recordings are deleted with the answer. One that was deleted here after it was chosen would look like a server that is away.
 * @param {"verify"|"identify"|"enroll"} what @param {Record<string, string>} query @param {{file: File, name: string}[]} entries @returns {Promise<any>}
 */
export async function askOf(what, query, entries) {
  const form = new FormData();
  for (const { file, name } of entries) {
    if (!(await readable({ file }))) throw new ApiError("unreadable", () => `${name}: ${t("work.trouble.unreadable")}`);
    form.append("audio", file, name);
  }
  return ask(`/v1/${what}?${new URLSearchParams(query)}`, "POST", form);
}

/** @param {string} name @param {string} wanted @returns {Promise<void>} once the person is called so */
export function rename(name, wanted) {
  return ask(urlOf(name), "PATCH", json({ name: wanted }));
}

/** @param {string} name @returns {Promise<void>} once the voiceprints of a person are deleted */
export function forget(name) {
  return ask(urlOf(name), "DELETE");
}

/** @returns {Promise<void>} once all voiceprints are deleted */
export function forgetAll() {
  return ask(KNOWN, "DELETE");
}

/** @param {Blob} file that was exported @param {boolean} replace who is there already @returns {Promise<{added: string[], left_out: Record<string, Sentence>}>} */
export function takeIn(file, replace) {
  return ask(`${KNOWN}/import?replace=${replace}`, "POST", new Blob([file], { type: "application/json" }));
}

/** @param {string} name */
function urlOf(name) {
  return `${KNOWN}/${name.split("/").map(encodeURIComponent).join("/")}`;
}
