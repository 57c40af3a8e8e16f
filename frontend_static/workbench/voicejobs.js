/** Voices over REST: do recordings have the same speaker, whose voice is it, who is known. Failures are `ApiError`s. */
import { ask, request } from "../shared/api.js";

/**
 * @typedef {import("./entries.js").Sentence} Sentence
 * @typedef {{name: string, recordings: number, speech_s: number, problems: Sentence[], consent: {purpose: string, expires_at: number}, encrypted: boolean}} Known
 *   times in seconds since 1970
 * @typedef {{file: string, failure: {reason: Sentence, remedy: Sentence}}} Left
 * @typedef {{one: string, other: string, cosine: number, threshold: number, same: boolean, probability: number, sentence: Sentence}} Pair
 */

/** @returns {Promise<Known[]>} everyone who has a voiceprint */
export async function fetchKnown() {
  return (await request("/v1/voices")).voices;
}

/**
 * The recordings are deleted with the answer.
 * @param {"verify"|"identify"|"enroll"} what @param {Record<string, string>} query @param {{file: File, name: string}[]} entries @returns {Promise<any>}
 */
export function askOf(what, query, entries) {
  const form = new FormData();
  for (const { file, name } of entries) form.append("audio", file, name);
  return ask(`/v1/${what}?${new URLSearchParams(query)}`, "POST", form);
}

/** @param {string} name @returns {Promise<void>} once the voiceprints of a person are deleted */
export function forget(name) {
  return ask(`/v1/voices/${name.split("/").map(encodeURIComponent).join("/")}`, "DELETE");
}
