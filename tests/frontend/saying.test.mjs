import assert from "node:assert/strict";
import { test } from "node:test";
import { alertSentence } from "../../frontend_static/mic/alertnotes.js";
import { begun, named, quiet_s, timeIn, told } from "../../frontend_static/mic/listening.js";
import { pastOf } from "../../frontend_static/mic/past.js";
import { saying } from "../../frontend_static/mic/saying.js";
import { described, span } from "../../frontend_static/mic/strip.js";
import { lanesOf } from "../../frontend_static/mic/striplanes.js";

const MONO = [{ channel: 0, role: "mixed", emotion: true }];
const STEREO = [
  { channel: 0, role: "customer", emotion: true },
  { channel: 1, role: "agent", emotion: false },
];
const SCORES = { angry: 0.7, sad: 0.2, neutral: 0.1 };

/** A call after these events: [type, t, fields]. */
function call(events, channels = MONO) {
  const started = { type: "call.started", call_id: "c", seq: 1, t: 0, channel: null, channels, models: {} };
  return events.reduce(
    (heard, [type, t, fields], i) => told(heard, { type, call_id: "c", seq: i + 2, t, channel: 0, ...fields }, t * 1000),
    begun(started, 0),
  );
}

const emotion = (t, fields = {}) => ["emotion", t, {
  label: "angry", scores: SCORES, confidence: 0.7, arousal: 0.8, shape: "single", reliability: "high", speaker: "S1", lag_ms: 20, ...fields,
}];
const TALK = [["speech.started", 1], emotion(2)];

test("the first seconds ask for speech, later silence is called that", () => {
  assert.equal(saying(call([]), 1, false).word, "Listening");
  assert.equal(saying(call([]), 10, false).word, "No one is speaking");
});

test("sound without speech is called that and not judged", () => {
  const said = saying(call([]), 10, true);
  assert.equal(said.word, "Sound, but no speech");
  assert.equal(said.label, null);
});

test("speech before the first reading promises one", () => {
  assert.match(saying(call([["speech.started", 1]]), 1.5, false).sentence, /comes in a moment/);
});

test("a feeling is said in a word and a sentence with who and how much energy", () => {
  const said = saying(call(TALK), 2, false);
  assert.equal(said.word, "Angry");
  assert.equal(said.sentence, "Speaker 1 sounds angry, with a lot of energy in the voice.");
});

test("the name that the visitor gave is used", () => {
  assert.match(saying(named(call(TALK), "S1", "Ada"), 2, false).sentence, /^Ada sounds/);
});

test("low reliability makes it a perhaps and says why", () => {
  const said = saying(call([["speech.started", 1], emotion(2, { reliability: "low" })]), 2, false);
  assert.equal(said.word, "Perhaps angry");
  assert.match(said.sentence, /take this with care/);
});

test("two feelings are both named, and none is when nothing stands out", () => {
  const mixed = emotion(2, { shape: "mixed", scores: { angry: 0.45, sad: 0.4 } });
  assert.equal(saying(call([["speech.started", 1], mixed]), 2, false).word, "Angry and sad");
  const flat = saying(call([["speech.started", 1], emotion(2, { shape: "flat" })]), 2, false);
  assert.deepEqual([flat.word, flat.label], ["Hard to tell", null]);
});

test("a pause keeps the feeling for three seconds, then silence tells how long ago it was", () => {
  const paused = call([...TALK, ["speech.ended", 5, { start_s: 1 }]]);
  assert.equal(saying(paused, 7.9, false).word, "Angry");
  const said = saying(paused, 12, false);
  assert.equal(said.word, "No one is speaking");
  assert.equal(said.sentence, "What was said last, 0:07 ago, sounded angry.");
});

test("two parties at once are said to be", () => {
  const both = call([["speech.started", 1], ["speech.started", 1.5, { channel: 1 }], emotion(2, { speaker: "customer" })], STEREO);
  assert.equal(saying(both, 2, false).sentence, "Customer sounds angry, with a lot of energy in the voice. Two people are speaking at once.");
});

test("while the agent speaks the customer is not judged", () => {
  const said = saying(call([["speech.started", 1, { channel: 1 }]], STEREO), 5, true);
  assert.deepEqual([said.word, said.label], ["Agent is speaking", null]);
});

test("where nothing may be inferred, nothing is", () => {
  assert.equal(saying(call([["speech.started", 1]], [{ channel: 0, role: "agent", emotion: false }]), 2, false).word, "Not judged");
});

test("the clock goes on between events and follows the audio where they are apart", () => {
  const heard = call([]);
  assert.equal(timeIn(heard, 4000), 4);
  const late = told(heard, { type: "emotion", seq: 9, t: 2, channel: 0, label: null, scores: {}, reliability: "unusable" }, 10_000);
  assert.equal(timeIn(late, 11_000), 3);
});

test("silence is counted from the end of the last speech, and there is none while anyone speaks", () => {
  assert.equal(quiet_s(call(TALK), 0, 50), 0);
  assert.equal(quiet_s(call([...TALK, ["speech.ended", 5, { start_s: 1 }]]), 0, 9), 4);
  assert.equal(quiet_s(call([]), 0, 9), Infinity);
});

test("a voice that turns out to be another hands on its name", () => {
  const two = call([...TALK, ["speaker.changed", 1, { from: null, to: "S1" }], ["speaker.changed", 1.5, { from: "S1", to: "S2" }]]);
  const heard = told(named(two, "S2", "Ada"), { type: "speaker.updated", seq: 99, t: 3, channel: 0, speaker: "S2", merged_into: "S1" }, 3000);
  assert.deepEqual(heard.names, new Map([["S1", "Ada"]]));
  assert.equal(heard.speaker, "S1");
});

test("a name that is emptied is none", () => {
  assert.deepEqual(named(named(call(TALK), "S1", "Ada"), "S1", "").names, new Map());
});

test("the end stops the clock and keeps the summary", () => {
  const heard = call([...TALK, ["call.ended", 6, { reason: "finished", summary: { duration_s: 6, turns: [] } }]]);
  assert.equal(timeIn(heard, 60_000), 6);
  assert.equal(heard.detail.summary.duration_s, 6);
});

/** A call that broke off 10 s after it began, 4 s before the next one. */
function resumed() {
  const first = named(call([["speaker.changed", 1, { from: null, to: "S1" }], ...TALK, ["speech.ended", 8, { start_s: 1 }]]), "S1", "Ada");
  const started = { type: "call.started", call_id: "d", seq: 1, t: 0, channel: null, channels: MONO, models: {} };
  return begun(started, 14_000, pastOf(first, 10_000, 14_000));
}

test("what was heard of a call that broke off lies before the one that follows", () => {
  const [past] = resumed().past;
  assert.deepEqual([past.end_s, past.next_s, past.points.map(({ t }) => t)], [-4, 0, [-12]]);
  assert.deepEqual(past.turns.map(({ start_s, end_s }) => [start_s, end_s]), [[-13, -6]]);
  assert.equal(described(resumed(), -20), "Mostly angry. One voice. The speaker changed 0 times. The connection was lost for 4 s.");
});

test("a connection that goes while someone speaks went with the last that was heard", () => {
  const speaking = call(TALK);
  assert.equal(pastOf(speaking, 10_000, 14_000)[0].end_s, -12);
});

test("a voice of before the break keeps its lane and its name until it is out of sight", () => {
  const heard = resumed();
  assert.deepEqual(lanesOf(heard, -20).map(({ name }) => name), ["Ada, before"]);
  assert.deepEqual(lanesOf(heard, -3), []);
  const talking = [["speech.started", 1], ["speaker.changed", 1, { from: null, to: "S1" }]]
    .reduce((h, [type, t, fields], i) => told(h, { type, call_id: "d", seq: i + 2, t, channel: 0, ...fields }, 14_000 + t * 1000), heard);
  assert.deepEqual(lanesOf(talking, -20).map(({ name }) => name), ["Speaker 1", "Ada, before"]);
});

test("the strip is as long as what is kept asks for", () => {
  assert.deepEqual([span(900, call([]), 5), span(900, resumed(), 20), span(900, resumed(), 50)], [30, 60, 120]);
});

test("a second break moves the first one further back, and what no strip would show is let go", () => {
  const twice = pastOf(resumed(), 34_000, 40_000);
  assert.deepEqual(twice.map(({ end_s, next_s }) => [end_s, next_s]), [[-30, -26], [-6, 0]]);
  const late = pastOf(resumed(), 300_000, 301_000);
  assert.deepEqual([late[0].turns, late[0].points], [[], []]);
});

test("an alert of the call is a plain sentence, and says when it is over", () => {
  const alert = { rule: "anger", severity: "warning", channel: 0, value: 0.8, start_s: 20, end_s: 26, speaker: "S1", measure: "score", raised_s: 26, cleared_s: null };
  const heard = named(call(TALK), "S1", "Ada");
  assert.equal(alertSentence(heard, alert), "Alert “Anger”: that is how Ada sounded from 0:20 to 0:26.");
  const silent = { ...alert, rule: "long_silence", measure: "silence_s", value: 34, speaker: null };
  assert.equal(alertSentence(heard, silent), "Alert “long_silence”: nobody spoke for 34.0 s.");
  assert.equal(alertSentence(heard, { ...silent, measure: undefined, cleared_s: 40 }), "Alert “long_silence”, from 0:20 to 0:26. It is over.");
  const raised = told(call(TALK), { ...alert, type: "alert.raised", seq: 9, t: 26 }, 26_000);
  assert.deepEqual(raised.alerts.map(({ rule, cleared_s }) => [rule, cleared_s]), [["anger", null]]);
});
