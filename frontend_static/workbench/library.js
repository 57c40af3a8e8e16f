/** The library over REST: embeddings that are kept, searched, grouped and compared. Failures are `ApiError`s. */
import { ask, fetchFile, json, request } from "../shared/api.js";

/**
 * @typedef {"emotion"|"speaker"} Kind
 * @typedef {import("./entries.js").Sentence} Sentence
 * @typedef {{file: string, failure: {reason: Sentence, remedy: Sentence}}} Left
 * @typedef {{source: string, start_s: number|null, end_s: number|null, cosine: number, sentence: Sentence}} Hit
 * @typedef {{among: number, hits: Hit[]}} Found
 * @typedef {{source: string, start_s: number|null, end_s: number|null, group: number, x: number, y: number, label: string|null}} Placed `group`: -1 for none
 * @typedef {{number: number, size: number, typical: string[], spread: number}} Group
 * @typedef {{clustering: {clusters: Group[], alone: number, sentence: Sentence}, items: Placed[]}} Clustered
 * @typedef {{method: string, count: string, map: string}} Grouping `count`: "" for as many as there are
 * @typedef {{source: string, cosine: number, reference_below: number, verdict: string}} Compared
 * @typedef {{measure: string, group_mean: number, reference_mean: number, effect: number, sentence: Sentence}} Difference
 * @typedef {{score: number, reference_score: number, verdict: string, recordings: Compared[], differences: Difference[], sentence: Sentence}} Comparison
 */

/** @param {Kind} kind @returns {Promise<Record<string, string[]>>} the recordings whose embeddings are kept, by the model that made them */
export async function fetchKept(kind) {
  return (await request(`/v1/library?kind=${kind}`)).models;
}

/** @param {Kind} kind @param {{file: File, name: string}[]} entries @param {AbortSignal} signal @returns {Promise<{kept: string[], left_out: Left[]}>} */
export function keep(kind, entries, signal) {
  return ask(`/v1/library?kind=${kind}`, "POST", form(entries), signal);
}

/** @param {Kind} kind @param {string|null} source null: all of the kind @returns {Promise<void>} */
export function forget(kind, source) {
  return ask(`/v1/library?${new URLSearchParams({ kind, ...(source === null ? {} : { source }) })}`, "DELETE");
}

/** @param {Kind} kind @param {string|{file: File, name: string}} query the name of one that is kept, or a recording @param {number} count @returns {Promise<Found>} */
export function search(kind, query, count) {
  const asked = new URLSearchParams({ kind, count: String(count) });
  if (typeof query !== "string") return ask(`/v1/search?${asked}`, "POST", form([query]));
  asked.set("source", query);
  return ask(`/v1/search?${asked}`, "POST");
}

/** @param {Kind} kind @param {Grouping} grouping @param {string[]|null} sources null: of all that is kept @param {AbortSignal} signal @returns {Promise<Clustered>} */
export function group(kind, { method, count, map }, sources, signal) {
  return ask(`/v1/cluster?${grouped(kind, { method, count, map })}`, "POST", named(sources), signal);
}

/** @param {Kind} kind @param {{method: string, count: string, dimensions: string}} of @param {string[]|null} sources @returns {Promise<Blob>} a ZIP archive */
export function fetchExport(kind, of, sources) {
  return fetchFile(`/v1/cluster?${grouped(kind, { export: "true", ...of })}`, "POST", named(sources));
}

/** @param {Kind} kind @param {string[]} group @param {string[]} reference @returns {Promise<Comparison>} */
export function compare(kind, group, reference) {
  return ask("/v1/compare", "POST", json({ kind, group, reference }));
}

/** @param {Kind} kind @param {Record<string, string>} of what is empty is left to the server */
function grouped(kind, of) {
  return new URLSearchParams({ kind, ...Object.fromEntries(Object.entries(of).filter(([, value]) => value)) });
}

/** @param {string[]|null} sources */
function named(sources) {
  return sources === null ? undefined : json({ sources });
}

/** @param {{file: File, name: string}[]} entries */
function form(entries) {
  const out = new FormData();
  for (const { file, name } of entries) out.append("audio", file, name);
  return out;
}
