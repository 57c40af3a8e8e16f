/** What is downloaded of results: called and laid out like the folder of a run, whatever the server calls its files. Pure. */
import { files } from "./entries.js";
import { csv, jsonLines } from "./rows.js";

/**
 * @typedef {import("./entries.js").Progressed} Entry
 * @typedef {{name: string, text: string}|{name: string, entry: Entry, file: string}} Part `file`: of the entry's job
 */

/** Names that collide are told apart as `workbench/recordings.py` does it; by some disks A and a are one.
 * @param {Entry[]} entries @returns {Map<Entry, string>} the name of each in a folder, without a suffix */
export function places(entries) {
  const taken = new Set();
  return new Map(entries.map((entry) => {
    const { name } = entry;
    let [place, number] = [name.replace(/(?<=[^/])\.[^./]*$/, ""), 1];
    while (taken.has(place.toLowerCase())) place = ++number === 2 ? name : `${name}_${number}`;
    taken.add(place.toLowerCase());
    return [entry, place];
  }));
}

/** @param {string} file of embeddings, as the server calls it: "embedding.npy", "embeddings/17_1.npy" @param {string} place @returns {string} "embeddings/calls/a_1.npy" */
export function called(file, place) {
  return `embeddings/${place}${file.match(/(_\d+)?\.npy$/)?.[0] ?? ".npy"}`;
}

/** @param {Entry[]} entries with results @param {Map<Entry, string>} placed @returns {import("./entries.js").Prediction[]} which name the files as they are downloaded */
export function predictions(entries, placed) {
  return entries.map((entry) => {
    const { prediction } = /** @type {{prediction: any}} */ (entry);
    const renamed = (/** @type {any} */ each) => ({ ...each, file: each.file && called(each.file, placed.get(entry) ?? entry.name) });
    return { ...prediction, embeddings: prediction.embeddings.map(renamed) };
  });
}

/** @param {Entry[]} entries with results @param {Map<Entry, string>} placed @returns {Part[]} */
export function contents(entries, placed) {
  const all = predictions(entries, placed);
  return [{ name: "results.jsonl", text: jsonLines(all) }, { name: "results.csv", text: csv(all) },
    ...entries.flatMap((entry) => files(entry).map((file) => ({ name: called(file, placed.get(entry) ?? entry.name), entry, file })))];
}
