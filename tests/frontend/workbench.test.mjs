import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { called, contents, places, predictions } from "../../frontend_static/workbench/archive.js";
import { pointAt, ridges, stretchesOf } from "../../frontend_static/workbench/course.js";
import { batches, conclude, counts, entryOf, fail, files, isRecording, named, remaining, reset, sentAs, unique, unsaved, waits } from "../../frontend_static/workbench/entries.js";
import { fileUrl, query } from "../../frontend_static/workbench/jobs.js";
import { chosen, csv, EVERYTHING, FLAT, jsonLines, ordered, turned } from "../../frontend_static/workbench/rows.js";
import { expectedBytes, npyBytes } from "../../frontend_static/workbench/sizes.js";
import { durationText, feelingWord, sentencesText, sentenceText, sizeText } from "../../frontend_static/workbench/words.js";
import { crc32, zip } from "../../frontend_static/workbench/zip.js";

const NBSP = "\u00a0";
const say = (key, text = key, values = {}) => ({ key, text, values });
const reading = (label, confidence, more = {}) => ({
  scores: { angry: 0, disgusted: 0, fearful: 0, happy: 0, neutral: 0, other: 0, sad: 0, surprised: 0, unknown: 0, [label]: confidence }, label, confidence,
  band: "high", arousal: 0.5, shape: "single", stands_out: [label], sentence: say("emotion.flat"), advice: say("band.high"), ...more,
});
const facts = { duration_s: 3, rate_hz: 16000, channels: 1, codec: "flac", container: "flac", level_dbfs: -20, peak_dbfs: -3, clipped_share: 0, snr_db: 30,
  speech_s: 2, speech_share: 0.67, band_limit_hz: 8000, telephone: false, remarks: [] };
const done = (name, emotion, more = {}) => ({ file: name, status: "done", model: "m", failure: null, facts, emotion, embeddings: [], ...more });
const entry = (name, size = 100) => entryOf(0, { size }, name);
const result = (name, emotion, more) => {
  const made = entry(name);
  conclude(made, done(name, emotion, more));
  return made;
};
const names = (entries) => entries.map(({ name }) => name);

test("of a folder only what is called like a recording is taken", () => {
  assert.deepEqual(["a/b.WAV", "call.m4a", "notes.txt", ".hidden.wav", "a/wav", "x.mp4"].filter(isRecording), ["a/b.WAV", "call.m4a", "x.mp4"]);
});

test("names are what the server will call them, each once", () => {
  assert.deepEqual(["../../etc/./call.wav", "a\\b.wav", "\u202fA\u00a0B \u0007.wav", "/", "..."].map(named), ["etc/call.wav", "a/b.wav", "AB .wav", "recording", "recording"]);
  assert.equal(named("x".repeat(300)).length, 190);
  assert.equal(named(`${"录".repeat(90)}.wav`), `${"录".repeat(62)}.wav`);
  assert.equal([...named(`${"a".repeat(150)}/${"b".repeat(150)}`)].length, 240);
  const taken = new Set(["a/call.wav", "a/call (2).wav", "call"]);
  assert.deepEqual(["a/call.wav", "b/call.wav", "call", "x.v2/call"].map((name) => unique(name, taken)), ["a/call (3).wav", "b/call.wav", "call (2)", "x.v2/call"]);
});

test("a batch holds no more files and bytes than it may, and a larger file goes alone", () => {
  const sized = [10, 20, 90, 5, 5, 5, 500, 1].map((size, i) => entry(String(i), size));
  assert.deepEqual(batches(sized, 3, 100).map(names), [["0", "1"], ["2", "3", "4"], ["5"], ["6"], ["7"]]);
  assert.deepEqual(batches([], 3, 100), []);
});

test("what was not downloaded is lost, results and embeddings alike", () => {
  const plain = result("a.wav", reading("angry", 0.9));
  const written = result("b.wav", reading("angry", 0.9), { embeddings: [{ file: "embeddings/b.npy" }, { file: null }] });
  assert.deepEqual([plain, written].map(unsaved), [true, true]);
  for (const each of [plain, written]) each.taken.add("");
  assert.deepEqual([plain, written].map(unsaved), [false, true]);
  written.taken.add("embeddings/b.npy");
  assert.equal(unsaved(written), false);
  assert.deepEqual(files(written), ["embeddings/b.npy"]);
  reset(written);
  assert.deepEqual([written.state, written.taken.size, unsaved(written)], ["waiting", 0, false]);
});

test("what failed is lost to nobody", () => {
  const failed = entry("a.wav");
  fail(failed, { reason: () => "gone", remedy: () => "", again: true });
  assert.deepEqual([unsaved(failed), waits(failed)], [false, true]);
  fail(failed, { reason: () => "too big", remedy: () => "", again: false });
  assert.equal(waits(failed), false);
  assert.deepEqual(counts([failed, entry("b.wav")]), { waiting: 1, sending: 0, working: 0, done: 0, failed: 1 });
});

test("the rest takes as long as the pace so far says", () => {
  assert.equal(remaining(100, 300, 5), 15);
  assert.equal(remaining(0, 300, 5), null);
});

test("rows are sorted by any column, and what has no value comes last", () => {
  const rows = [result("b10.wav", reading("sad", 0.4)), entry("c.wav"), result("b9.wav", reading("angry", 0.9))];
  assert.deepEqual(names(ordered(rows, { column: "file", falling: false })), ["b9.wav", "b10.wav", "c.wav"]);
  assert.deepEqual(names(ordered(rows, { column: "confidence", falling: false })), ["b10.wav", "b9.wav", "c.wav"]);
  assert.deepEqual(names(ordered(rows, { column: "confidence", falling: true })), ["b9.wav", "b10.wav", "c.wav"]);
  assert.equal(ordered(rows, null), rows);
  let order = null;
  const seen = ["snr", "snr", "snr"].map((column) => (order = turned(order, column)));
  assert.deepEqual(seen, [{ column: "snr", falling: false }, { column: "snr", falling: true }, null]);
});

test("filters narrow what is shown", () => {
  const failed = entry("Bad.wav");
  fail(failed, { reason: () => "", remedy: () => "", again: true });
  const rows = [result("one.wav", reading("sad", 0.4, { band: "low" })), result("two.wav", reading("angry", 0.9)), failed, { ...entry("four.wav"), state: "working" }];
  const shown = (filter) => names(chosen(rows, { ...EVERYTHING, ...filter }));
  assert.equal(shown({}).length, 4);
  assert.deepEqual(shown({ text: " BAD" }), ["Bad.wav"]);
  assert.deepEqual(shown({ state: "waiting" }), ["four.wav"]);
  assert.deepEqual(shown({ label: "sad", band: "low" }), ["one.wav"]);
  assert.deepEqual(shown({ label: "sad", band: "high" }), []);
});

test("the filter of feelings finds what a line says, not the highest score where nothing stands out", () => {
  const rows = [result("mixed", reading("sad", 0.4, { stands_out: ["sad", "angry"], shape: "mixed" })), result("flat", reading("sad", 0.2, { stands_out: [], shape: "flat" })), result("none", null)];
  const shown = (label) => names(chosen(rows, { ...EVERYTHING, label }));
  assert.deepEqual(["sad", "angry", FLAT].map(shown), [["mixed"], ["mixed"], ["flat"]]);
});

test("a file is sent by a name that nothing on the way writes otherwise, and its result goes by its own", () => {
  assert.deepEqual(['say "hi".flac', "a/b.v2/call", "x.wav%22"].map((name, id) => sentAs({ id, name })), ["0.flac", "1", "2"]);
  const made = entryOf(0, { size: 1 }, 'say "hi".flac');
  conclude(made, { file: "0.flac", status: "done", embeddings: [] });
  assert.equal(made.prediction.file, 'say "hi".flac');
});

test("in downloads every file has a place of its own, by its name and not by what the server calls it", () => {
  const embedded = (name, file) => result(name, reading("sad", 0.4), { embeddings: [{ file, shape: [1, 2] }] });
  const all = [embedded("a/call.wav", "embedding.npy"), embedded("a/Call.flac", "embeddings/1.npy"), embedded("b/call.wav", "embeddings/2_1.npy"), entry("a/call.mp3"), result(".x", null)];
  const placed = places(all);
  assert.deepEqual([...placed.values()], ["a/call", "a/Call.flac", "b/call", "a/call.mp3", ".x"]);
  assert.equal(called("embedding_1.npy", "x"), "embeddings/x_1.npy");
  const some = all.filter(({ prediction }) => prediction);
  assert.deepEqual(predictions(some, placed).map(({ embeddings }) => embeddings[0]?.file), ["embeddings/a/call.npy", "embeddings/a/Call.flac.npy", "embeddings/b/call_1.npy", undefined]);
  const parts = contents(some, placed);
  assert.deepEqual(names(parts), ["results.jsonl", "results.csv", "embeddings/a/call.npy", "embeddings/a/Call.flac.npy", "embeddings/b/call_1.npy"]);
  assert.match(parts[1].text, /embeddings\/b\/call_1\.npy/);
  assert.equal(parts[4].file, "embeddings/2_1.npy");
});

test("a table quotes what would break its lines", () => {
  const text = csv([done('a, "b".wav', reading("angry", 0.9), { facts: { ...facts, remarks: [say("audio.quiet", "Line\nbreak.")] } })]);
  const [head, ...rest] = text.split("\n");
  assert.match(head, /^file,status,failure,/);
  assert.match(rest.join("\n"), /^"a, ""b"".wav",done,,,,angry,0.9,high,/);
  assert.match(text, /,False,"Line\nbreak.",/);
  assert.match(csv([done("=cmd|'/c calc'!A0.wav", reading("angry", 0.9), { facts: { ...facts, level_dbfs: -20 } })]), /\n'=cmd.*,-20,/);
  assert.deepEqual(JSON.parse(jsonLines([done("a", null)]).trim()).file, "a");
});

test("what is asked for is in the query, with channels where there are roles", () => {
  const asked = { granularity: "turn", embeddings: true, speakers: false, every_frame: false, roles: "customer,agent" };
  assert.equal(query(asked), "granularity=turn&embeddings=true&speakers=false&every_frame=false&channels=2&roles=customer%2Cagent");
  assert.ok(!query({ ...asked, roles: "" }).includes("channels"));
  assert.equal(fileUrl("j 1", "embeddings/a b#.npy"), "/v1/jobs/j%201/files/embeddings/a%20b%23.npy");
});

test("sizes are those of numpy's files", () => {
  assert.equal(npyBytes(1, 96), 512);
  assert.equal(expectedBytes("utterance", 96, 10), 5120);
  assert.equal(expectedBytes("frame", 96, 10), 19_200);
  assert.deepEqual([512, 1500, 19_200, 2_500_000, 12e9].map(sizeText), ["512", "1.5", "19", "2.5", "12"].map((n, i) => `${n}${NBSP}${["B", "KB", "KB", "MB", "GB"][i]}`));
});

const point = (start_s, label, more = {}) => ({ channel: 0, start_s, end_s: start_s + 3, scores: {}, label, confidence: 0.5, band: "low", arousal: 0.5, ...more });

test("points that overlap are drawn side by side, from the start to the end, with holes where nobody spoke", () => {
  const spans = stretchesOf([point(0, "sad"), point(1, "sad"), point(2, "angry"), point(7, "sad")]).map(({ from_s, to_s, point: { reliability } }) => [from_s, to_s, reliability]);
  assert.deepEqual(spans, [[0, 2, "low"], [2, 3, "low"], [3, 5, "low"], [7, 10, "low"]]);
  assert.deepEqual(stretchesOf([point(0, "sad")]).map(({ from_s, to_s }) => [from_s, to_s]), [[0, 3]]);
  assert.deepEqual(stretchesOf([]), []);
});

test("a moment is told by the point around it", () => {
  const points = [point(0, "sad"), point(1, "angry")];
  assert.deepEqual([1, 2.4, 4, 4.5].map((at) => pointAt(points, at)?.label ?? null), ["sad", "angry", "angry", null]);
});

test("frames become columns of means, without what never shows and with gaps where nobody speaks", () => {
  const scores = [[0.2, 0.8], [0.4, 0.6], null, null, [0.1, 0.9], [0.1, 0.9]].map((row) => row && [...row, 0.01]);
  const found = ridges({ channel: 0, frame_s: 0.02, labels: ["sad", "happy", "other"], scores }, 3);
  assert.deepEqual(found.map(({ label }) => label), ["sad", "happy"]);
  assert.deepEqual([...found[0].means].map((mean) => Math.round(mean * 100)), [30, NaN, 10]);
  assert.equal(ridges({ channel: 0, frame_s: 0.02, labels: ["sad"], scores: [[0.5]] }, 4)[0].means.length, 4);
});

test("a result is told in a word, as far as it can be trusted", () => {
  const words = [reading("angry", 0.9), reading("angry", 0.4, { band: "low" }), reading("angry", 0.42, { shape: "mixed", stands_out: ["angry", "neutral"] }),
    reading("angry", 0.2, { shape: "flat", stands_out: [] }), reading(null, 0, { stands_out: [] }), null].map(feelingWord);
  assert.deepEqual(words, ["Angry", "Perhaps angry", "Angry and neutral", "Hard to tell", "No usable speech", "Not judged"]);
});

test("the server's sentences are said in the language in force, and as they came where that has none", (t) => {
  const sentence = say("moment.turn", "Turns from neutral to angry at 3 s.", { before: "neutral", label: "angry", at_s: 3 });
  assert.equal(sentenceText(sentence), sentence.text);
  globalThis.document = { documentElement: { lang: "zh-CN" } };
  t.after(() => delete globalThis.document);
  assert.equal(sentenceText(sentence), "在 3 秒处由平静转为愤怒。");
  assert.equal(sentencesText([say("emotion.flat"), say("audio.new", "Something new.")]), "没有突出的情绪。Something new.");
});

test("a sentence within a sentence is said in the language in force, too", (t) => {
  const problem = say("enrolment.recording", "a.wav: The speech is only 7 dB above the noise; record where it is quieter.",
    { name: "a.wav", problem: "The speech is only 7 dB above the noise; record where it is quieter.", problem_key: "voice.noisy", snr_db: 7 });
  assert.equal(sentenceText(problem), problem.text);
  globalThis.document = { documentElement: { lang: "zh-CN" } };
  t.after(() => delete globalThis.document);
  assert.equal(sentenceText(problem), "a.wav：语音只比噪声高 7 dB；请在更安静处录音。");
});

test("durations are as long as one can say", () => {
  assert.deepEqual([0.2, 40, 200, 3900].map(durationText), ["1 s", "40 s", "3 min", "1 h 5 min"]);
});

test("an archive is one that other programs open", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  const folder = mkdtempSync(join(tmpdir(), "undertone-"));
  try {
    const held = [["embeddings/重 1.npy", new Uint8Array(70_000).map((_, i) => i)], ["results.csv", new TextEncoder().encode("file\n")], ["empty", new Uint8Array(0)]];
    const parts = zip(held.map(([name, data]) => ({ name, data })), new Date(2026, 2, 30, 15, 20, 8));
    const path = join(folder, "a.zip");
    writeFileSync(path, Buffer.concat(parts));
    const script = "import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps([[i.filename,i.file_size,list(i.date_time)] for i in z.infolist()]))";
    const found = JSON.parse(execFileSync("python3", ["-c", script, path], { encoding: "utf8" }));
    assert.deepEqual(found, held.map(([name, data]) => [name, data.length, [2026, 3, 30, 15, 20, 8]]));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
