/** The list of files as a table: in which order, which of them, and as CSV or JSON lines. Pure. */
import { LABELS } from "../shared/labels.js";

/**
 * @typedef {import("./entries.js").Progressed} Entry
 * @typedef {import("./entries.js").Prediction} Prediction
 * @typedef {"file"|"feeling"|"confidence"|"energy"|"length"|"snr"} Column
 * @typedef {{column: Column, falling: boolean}|null} Order null: as they came
 * @typedef {{text: string, state: string, label: string, band: string}} Filter "" anything
 */

/** Where no feeling stands out. */
export const FLAT = "flat";

/** @type {Filter} */
export const EVERYTHING = { text: "", state: "", label: "", band: "" };

/** @type {Record<Column, (entry: Entry) => string|number|null|undefined>} */
const VALUES = {
  file: (entry) => entry.name,
  feeling: (entry) => entry.prediction?.emotion?.stands_out[0],
  confidence: (entry) => entry.prediction?.emotion?.confidence,
  energy: (entry) => entry.prediction?.emotion?.arousal,
  length: (entry) => entry.prediction?.facts?.duration_s,
  snr: (entry) => entry.prediction?.facts?.snr_db,
};
/** @type {Column[]} */
export const COLUMNS = ["file", "feeling", "confidence", "energy", "length", "snr"];

/** Where there is no value comes last, either way. @template {Entry} T @param {T[]} entries @param {Order} order @returns {T[]} */
export function ordered(entries, order) {
  if (!order) return entries;
  const value = VALUES[order.column];
  const sign = order.falling ? -1 : 1;
  return [...entries].sort((one, other) => {
    const [a, b] = [value(one) ?? null, value(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (typeof a === "string" ? a.localeCompare(String(b), "en", { numeric: true }) : a - Number(b));
  });
}

/** What a click on the head of a column makes of the order: rising, falling, as they came. @param {Order} order @param {Column} column @returns {Order} */
export function turned(order, column) {
  if (order?.column !== column) return { column, falling: false };
  return order.falling ? null : { column, falling: true };
}

/** @template {Entry} T @param {T[]} entries @param {Filter} filter @returns {T[]} */
export function chosen(entries, { text, state, label, band }) {
  const wanted = text.trim().toLowerCase();
  return entries.filter((entry) => (!wanted || entry.name.toLowerCase().includes(wanted)) && (!state || stateOf(entry) === state)
    && (!label || feels(entry, label)) && (!band || entry.prediction?.emotion?.band === band));
}

/** Whether the line says so. @param {Entry} entry @param {string} label, or FLAT */
function feels({ prediction }, label) {
  const stands_out = prediction?.emotion?.stands_out;
  return label === FLAT ? stands_out?.length === 0 : Boolean(stands_out?.includes(label));
}

/** @param {Entry} entry what the filter calls its state */
function stateOf({ state }) {
  return state === "sending" || state === "working" ? "waiting" : state;
}

/** As `workbench/tables.py` has them; a test holds the two together. */
export const CSV_COLUMNS = ["file", "status", "failure", "reason", "remedy", "label", "confidence", "band", "shape", "stands_out", "arousal",
  "sentence", "advice", ...LABELS, "duration_s", "rate_hz", "channels", "codec", "level_dbfs", "peak_dbfs",
  "clipped_share", "snr_db", "speech_s", "speech_share", "band_limit_hz", "telephone", "remarks", "embedding",
  "embedding_shape", "embedding_norm", "embedding_sound", "model"];

/** @param {Prediction[]} predictions @returns {string} */
export function csv(predictions) {
  const lines = [CSV_COLUMNS, ...predictions.map((prediction) => Object.values(cells(prediction)))];
  return lines.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

/** @param {Prediction[]} predictions @returns {string} */
export function jsonLines(predictions) {
  return predictions.map((prediction) => `${JSON.stringify(prediction)}\n`).join("");
}

const GROUP_COLUMNS = /** @type {const} */ (["source", "start_s", "end_s", "group", "label", "x", "y"]);

/** @param {import("./library.js").Placed[]} items @returns {string} */
export function groupsCsv(items) {
  const lines = [GROUP_COLUMNS, ...items.map((item) => GROUP_COLUMNS.map((column) => item[column]))];
  return lines.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

/** @param {Prediction} prediction @returns {Record<string, any>} by CSV_COLUMNS */
function cells({ file, status, model, failure, facts, emotion, embeddings }) {
  /** @type {Record<string, any>} */
  const out = Object.fromEntries(CSV_COLUMNS.map((name) => [name, null]));
  const take = (/** @type {Record<string, any>|null} */ from) => {
    for (const [name, value] of Object.entries(from ?? {})) if (name in out) out[name] = value;
  };
  take({ file, status, model });
  if (failure) take({ failure: failure.code, reason: failure.reason.text, remedy: failure.remedy.text });
  if (facts) take({ ...facts, remarks: texts(facts.remarks) });
  if (emotion) {
    const { label, confidence, band, shape, arousal } = emotion;
    take({ label, confidence, band, shape, arousal, stands_out: emotion.stands_out.join(" "), sentence: emotion.sentence.text, advice: emotion.advice.text, ...emotion.scores });
  }
  const [first] = embeddings ?? [];
  if (first) take({ embedding: first.file, embedding_shape: first.shape.join("x"), embedding_norm: first.norm, embedding_sound: first.sound });
  return out;
}

/** @param {{text: string}[]} sentences */
function texts(sentences) {
  return sentences.map(({ text }) => text).join(" ");
}

/** What a spreadsheet would take for a formula, such as the name of a file, is text. @param {any} value @returns {string} */
function cell(value) {
  const plain = value === null || value === undefined ? "" : typeof value === "boolean" ? (value ? "True" : "False") : String(value);
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
