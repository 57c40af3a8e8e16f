import assert from "node:assert/strict";
import { test } from "node:test";
import { OVERVIEW } from "../../frontend_static/dashboard/address.js";
import { admits } from "../../frontend_static/dashboard/filters.js";
import { ranked, UNRANKED } from "../../frontend_static/dashboard/ranking.js";
import { openAlerts, raisedSince } from "../../frontend_static/shared/alerts.js";
import { EMPTY, reduce, sorted, timeIn } from "../../frontend_static/shared/calls.js";
import { roleText, speakerText } from "../../frontend_static/shared/format.js";

const MONO = [{ channel: 0, role: "mixed", emotion: true }];
const STEREO = [
  { channel: 0, role: "customer", emotion: true },
  { channel: 1, role: "agent", emotion: false },
];

/** Plays events into the store, one second of wall time apart. */
function play(state, events) {
  return events.reduce((s, event, i) => reduce(s, { do: "events", events: [event], now_ms: i * 1000 }), state);
}

function script(call_id, channels = MONO) {
  let seq = 0;
  const make = (type, t, fields = {}) => ({ type, call_id, seq: seq++, t, channel: 0, at: "2025-01-01T10:00:00Z", ...fields });
  return {
    started: () => make("call.started", 0, { channel: null, transport: "stream", channels, models: {}, tags: {} }),
    speech: (t, channel = 0) => make("speech.started", t, { channel }),
    silence: (start_s, t, channel = 0) => make("speech.ended", t, { start_s, channel }),
    emotion: (t, label = "angry", reliability = "high") =>
      make("emotion", t, { label, reliability, confidence: 0.8, arousal: 0.5, scores: {}, speaker: null }),
    changed: (t, from, to) => make("speaker.changed", t, { from, to, confidence: 0.9, name: null }),
    merged: (t, speaker, merged_into) => make("speaker.updated", t, { speaker, merged_into, confirmed: true, name: null }),
    warning: (t) => make("warning", t, { code: "overload", reason: "Windows skipped." }),
    ended: (t, turns = []) => make("call.ended", t, { reason: "finished", summary: { duration_s: t, turns } }),
  };
}

function view(call_id, fields = {}) {
  return {
    call_id, state: "live", transport: "stream", channels: MONO, models: {}, tags: {}, started_at: "2025-01-01T10:00:00Z",
    ended_at: null, reason: null, duration_s: 10, speaking: [], speaker: null, emotions: {}, alerts: [], last_seq: 5,
    summary: { duration_s: 10, turns: [] }, timeline: [], changes: [], warnings: [], ...fields,
  };
}

const opened = (call_id, fields) => {
  const state = reduce(EMPTY, { do: "listed", asked_ms: 0, views: [view(call_id, fields)], now_ms: 0 });
  return reduce(reduce(state, { do: "opened", call_id }), { do: "detailed", view: view(call_id, fields), now_ms: 0 });
};
const spans = (state, id) => state.calls.get(id).detail.turns.map((t) => [t.speaker, t.start_s, t.end_s]);

test("a started call is listed as live and an ended one below", () => {
  const [a, b] = [script("a"), script("b")];
  const state = play(EMPTY, [a.started(), b.started(), a.ended(4)]);
  assert.deepEqual(sorted(state).live.map((c) => c.call_id), ["b"]);
  assert.deepEqual(sorted(state).ended.map((c) => c.call_id), ["a"]);
  assert.equal(state.calls.get("a").reason, "finished");
});

test("the state before an action is never touched", () => {
  const a = script("a");
  const before = play(EMPTY, [a.started()]);
  const frozen = structuredClone(before);
  play(before, [a.speech(1), a.emotion(2), a.changed(1, null, "S1"), a.ended(3)]);
  assert.deepEqual(before, frozen);
});

test("an event seen twice counts once", () => {
  const a = script("a");
  const events = [a.started(), a.speech(1), a.silence(1, 2), a.speech(3)];
  const once = play(EMPTY, events);
  assert.deepEqual(play(once, events).calls.get("a").speaking, [0]);
  assert.equal(play(once, events), once);
});

test("a speaker goes by the name that was told last, and by none once it is taken back", () => {
  const after = (...names) => {
    const a = script("a");
    const events = [a.started(), ...names.map((name) => ({ ...a.merged(4, "S1", null), name }))];
    return play(EMPTY, events).calls.get("a").names.get("S1");
  };
  assert.equal(after("Ann"), "Ann");
  assert.equal(after("Ann", "Anna"), "Anna");
  assert.equal(after("Ann", null), undefined);
});

test("events of a call that is not known wait until the list names it", () => {
  const [a, b] = [script("a"), script("b")];
  [a, b].forEach((call) => call.started());
  const waiting = play(EMPTY, [a.speech(11), b.speech(11), a.ended(12)]);
  assert.equal(waiting.calls.size, 0);
  const listed = reduce(waiting, { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 0 })], now_ms: 0 });
  assert.deepEqual([...listed.calls.keys()], ["a"]);
  assert.deepEqual([listed.calls.get("a").state, listed.calls.get("a").reason], ["ended", "finished"]);
  assert.deepEqual(listed.strangers, []);
});

test("what the list tells already is not taken in anew from events that waited for it", () => {
  const a = script("a");
  const [, silence] = [a.started(), a.silence(1, 2)];
  const listed = { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 1, speaking: [0] })], now_ms: 0 };
  assert.deepEqual(reduce(play(EMPTY, [silence]), listed).calls.get("a").speaking, [0]);
});

test("events that wait for a list are bounded", () => {
  const a = script("a");
  const events = Array.from({ length: 6000 }, (_, i) => a.speech(i));
  const { strangers } = reduce(EMPTY, { do: "events", events, now_ms: 0 });
  assert.deepEqual([strangers.length, strangers.at(-1).seq], [5000, 5999]);
});

test("a call that begins while the list is on its way stays, and the next list decides", () => {
  const state = reduce(EMPTY, { do: "events", events: [script("a").started()], now_ms: 1000 });
  const listed = (asked_ms) => reduce(state, { do: "listed", views: [view("b")], asked_ms, now_ms: 2000 });
  assert.deepEqual([...listed(900).calls.keys()].sort(), ["a", "b"]);
  assert.deepEqual([...listed(1500).calls.keys()], ["b"]);
});

test("an earlier call's late events are not held against the one that takes its name", () => {
  const [before, now] = [script("a"), script("a")];
  before.started();
  const state = play(EMPTY, [{ ...before.ended(9), seq: 60 }, now.started()]);
  const listed = reduce(state, { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 0 })], now_ms: 0 });
  assert.equal(listed.calls.get("a").state, "live");
});

test("a call, a role and a speaker may be named like what every object has", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    const a = script(name, [{ channel: 0, role: name, emotion: true }]);
    const state = play(EMPTY, [a.speech(1), a.started(), a.speech(2), a.emotion(3), a.changed(2, null, name)]);
    const open = reduce(state, { do: "opened", call_id: name });
    const waiting = play(open, [a.emotion(4)]);
    const { calls } = reduce(waiting, { do: "detailed", view: view(name, { last_seq: 4 }), now_ms: 0 });
    assert.deepEqual([...calls.keys()], [name]);
    assert.equal(calls.get(name).detail.points[0].length, 1);
    assert.equal(calls.get(name).speaker, name);
    assert.equal(speakerText(name, calls.get(name).names), roleText(name));
    const { order, standings } = ranked(UNRANKED, sorted({ calls }).live, 0);
    assert.deepEqual([order, standings.get(name).level], [[name], "calm"]);
    assert.equal(reduce({ ...EMPTY, calls }, { do: "gone", call_id: name }).calls.size, 0);
  }
});

test("an event that cannot be taken in costs itself, not those that came with it", (t) => {
  const { mock } = t.mock.method(console, "error", () => {});
  const [a, b] = [script("a"), script("b")];
  const broken = { ...a.ended(3), seq: 9, summary: null };
  const state = reduce(EMPTY, { do: "events", events: [a.started(), b.started(), broken, b.speech(1), a.speech(4)], now_ms: 0 });
  assert.deepEqual(state.calls.get("b").speaking, [0]);
  assert.equal(state.calls.get("a").state, "live");
  assert.equal(mock.callCount(), 1);
});

test("an unusable emotion replaces the one before", () => {
  const a = script("a");
  const state = play(EMPTY, [a.started(), a.emotion(1), a.emotion(4, null, "unusable")]);
  assert.equal(state.calls.get("a").emotions[0].reliability, "unusable");
  assert.equal(state.calls.get("a").emotions[0].label, null);
});

test("the time in a live call goes on between events and stands still once it has ended", () => {
  const a = script("a");
  const live = play(EMPTY, [a.started(), a.emotion(10)]);
  assert.equal(timeIn(live.calls.get("a"), 1000 + 2500), 12.5);
  const over = reduce(live, { do: "events", events: [a.ended(14)], now_ms: 5000 });
  assert.equal(timeIn(over.calls.get("a"), 60_000), 14);
});

test("a speaker change repaints the open turn back to its boundary", () => {
  const state = play(opened("a", { last_seq: -1 }), (() => {
    const a = script("a");
    return [a.speech(10), a.changed(10, null, "S1"), a.changed(14, "S1", "S2"), a.silence(10, 20)];
  })());
  assert.deepEqual(spans(state, "a"), [["S1", 10, 14], ["S2", 14, 20]]);
});

test("a speaker change reaches over turns that were already closed", () => {
  const a = script("a");
  const events = [a.speech(1), a.changed(1, null, "S1"), a.silence(1, 5), a.speech(6), a.silence(6, 8), a.changed(4, "S1", "S2")];
  assert.deepEqual(spans(play(opened("a", { last_seq: -1 }), events), "a"), [["S1", 1, 4], ["S2", 4, 5], ["S2", 6, 8]]);
});

test("on a stereo call the speaker of a turn is the role of its channel", () => {
  const a = script("a", STEREO);
  const events = [a.speech(1, 0), a.speech(2, 1), a.changed(2, "customer", "agent"), a.silence(1, 3, 0), a.silence(2, 5, 1)];
  const state = play(opened("a", { channels: STEREO, last_seq: -1 }), events);
  assert.deepEqual(spans(state, "a"), [["customer", 1, 3], ["agent", 2, 5]]);
  assert.equal(state.calls.get("a").speaker, "agent");
});

test("speech whose start was lost is still drawn", () => {
  const a = script("a");
  assert.deepEqual(spans(play(opened("a", { last_seq: -1 }), [a.silence(3, 6)]), "a"), [[null, 3, 6]]);
});

test("a merged speaker loses its lane and its marks", () => {
  const a = script("a");
  const events = [a.speech(1), a.changed(1, null, "S1"), a.changed(4, "S1", "S2"), a.merged(6, "S2", "S1")];
  const { detail, speaker } = play(opened("a", { last_seq: -1 }), events).calls.get("a");
  assert.deepEqual([...new Set(detail.turns.map((t) => t.speaker))], ["S1"]);
  assert.deepEqual(detail.changes.map((c) => c.to), ["S1"]);
  assert.equal(speaker, "S1");
});

test("events that arrive while the history is fetched are added to it once", () => {
  const a = script("a");
  const events = [a.started(), a.emotion(1), a.emotion(2), a.emotion(3)];
  let state = reduce(play(EMPTY, events.slice(0, 2)), { do: "opened", call_id: "a" });
  state = play(state, events.slice(2));
  const fetched = view("a", { last_seq: 2, timeline: [{ t: 1, channel: 0 }, { t: 2, channel: 0 }] });
  state = reduce(state, { do: "detailed", view: fetched, now_ms: 0 });
  assert.deepEqual(state.calls.get("a").detail.points[0].map((p) => p.t), [1, 2, 3]);
  assert.equal(state.calls.get("a").last_seq, 3);
  assert.deepEqual(state.waiting, new Map());
});

test("a call that ends while its history is fetched has ended", () => {
  const a = script("a");
  a.started();
  const state = play(reduce(EMPTY, { do: "opened", call_id: "a" }), [a.ended(12)]);
  const { calls } = reduce(state, { do: "detailed", view: view("a", { last_seq: 0 }), now_ms: 0 });
  assert.equal(calls.get("a").state, "ended");
  assert.equal(calls.get("a").detail.summary.duration_s, 12);
});

test("events of a call that is opened before it is known are not lost", () => {
  const a = script("a");
  let state = play(reduce(EMPTY, { do: "opened", call_id: "a" }), [a.started(), a.emotion(1), a.emotion(2)]);
  state = reduce(state, { do: "detailed", view: view("a", { last_seq: 0 }), now_ms: 0 });
  assert.deepEqual(state.calls.get("a").detail.points[0].map((p) => p.t), [1, 2]);
});

test("opening another call lets the history of the first go", () => {
  const state = reduce(opened("a"), { do: "opened", call_id: "b" });
  assert.equal(state.calls.get("a").detail, null);
});

test("an older list does not undo what events have said since, but brings the tags", () => {
  const a = script("a");
  const state = play(EMPTY, [a.started(), a.speech(1), a.ended(3)]);
  const after = reduce(state, { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 1, tags: { queue: "billing" } })], now_ms: 0 });
  assert.equal(after.calls.get("a").state, "ended");
  assert.deepEqual(after.calls.get("a").tags, { queue: "billing" });
});

test("a call under an id that was used before starts afresh", () => {
  const a = script("a");
  const over = play(EMPTY, [a.started(), a.speech(1), a.ended(3)]);
  const later = { ...script("a").started(), at: "2025-01-01T11:00:00Z" };
  assert.equal(play(over, [later]).calls.get("a").state, "live");
  const listed = { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 0, started_at: later.at })], now_ms: 0 };
  assert.equal(reduce(over, listed).calls.get("a").last_seq, 0);
  const replayed = { ...script("a").started(), at: "2025-01-01T09:00:00Z" };
  assert.equal(play(over, [replayed]).calls.get("a").state, "ended");
});

test("speech that went on when the history was fetched stays open", () => {
  const turns = [{ speaker: "S1", channel: 0, start_s: 4, end_s: 10 }];
  const state = opened("a", { speaking: [0], speaker: "S1", last_seq: -1, summary: { turns } });
  assert.deepEqual(spans(state, "a"), [["S1", 4, null]]);
  assert.deepEqual(spans(play(state, [script("a").silence(4, 12)]), "a"), [["S1", 4, 12]]);
});

test("a call that the server has forgotten stays only while it is open here", () => {
  const state = reduce(opened("a"), { do: "listed", asked_ms: 0, views: [view("b")], now_ms: 0 });
  assert.deepEqual([...state.calls.keys()].sort(), ["a", "b"]);
  assert.deepEqual([...reduce(state, { do: "listed", asked_ms: 0, views: [], now_ms: 0 }).calls.keys()], ["a"]);
});

test("the end of a call brings its final turns and warnings stay", () => {
  const a = script("a");
  const turns = [{ speaker: "S1", channel: 0, start_s: 1, end_s: 2 }];
  const { detail } = play(opened("a", { last_seq: -1 }), [a.speech(1), a.warning(2), a.ended(3, turns)]).calls.get("a");
  assert.deepEqual(detail.turns, turns);
  assert.deepEqual(detail.notices, [{ t: 2, code: "overload", reason: "Windows skipped." }]);
});

test("events told together make the same state as one after the other", () => {
  const [a, b] = [script("a"), script("b")];
  const events = [a.started(), b.started(), a.speech(1), b.emotion(1), a.emotion(2), a.changed(1, null, "S1"), b.ended(3)];
  const together = reduce(EMPTY, { do: "events", events, now_ms: 0 });
  const singly = events.reduce((s, event) => reduce(s, { do: "events", events: [event], now_ms: 0 }), EMPTY);
  assert.deepEqual(together, singly);
});

test("an agent's feelings do not count as distress, unless nobody else's are inferred", () => {
  const both = STEREO.map((channel) => ({ ...channel, emotion: true }));
  const felt = (channels, channel) => {
    const a = script("a", channels);
    return Object.keys(play(EMPTY, [a.started(), { ...a.emotion(1), channel }]).calls.get("a").pulse.evidence);
  };
  assert.deepEqual(felt(both, 0), ["0"]);
  assert.deepEqual(felt(both, 1), []);
  assert.deepEqual(felt([{ channel: 0, role: "agent", emotion: true }], 0), ["0"]);
});

test("the recent past of a fetched list makes the same pulse as the events did", () => {
  const a = script("a");
  const started = a.started();
  const scores = { angry: 0.7, fearful: 0.1 };
  const events = [2, 4, 6].map((t) => ({ ...a.emotion(t), seq: t, scores, speaker: "S1" }));
  const lived = play(EMPTY, [started, ...events]).calls.get("a").pulse;
  const recent = events.map((e) => [e.t, e.channel, e.speaker, e.label, scores.angry, scores.fearful, e.arousal, e.reliability]);
  const listed = reduce(EMPTY, { do: "listed", asked_ms: 0, views: [view("a", { recent })], now_ms: 0 });
  assert.deepEqual(listed.calls.get("a").pulse, lived);
});

test("a list without the past keeps the pulse that is known, and begins with the latest emotion where none is", () => {
  const a = script("a");
  const scores = { angry: 0.7, fearful: 0.1 };
  const latest = { ...a.emotion(4), seq: 1, scores, speaker: "S1" };
  const known = play(EMPTY, [script("a").started(), latest]);
  const emotions = { 0: latest };
  assert.equal(reduce(known, { do: "listed", asked_ms: 0, views: [view("a", { emotions })], now_ms: 0 }).calls.get("a").pulse, known.calls.get("a").pulse);
  const { pulse } = reduce(EMPTY, { do: "listed", asked_ms: 0, views: [view("a", { emotions })], now_ms: 0 }).calls.get("a");
  assert.deepEqual(pulse, known.calls.get("a").pulse);
  assert.deepEqual(pulse.evidence, { 0: { t: 4, weight_s: 0.5, angry_s: 0.35, fearful_s: 0.05 } });
  assert.deepEqual([pulse.led, pulse.voices, pulse.bins[0].arousal], [{ angry: 4 }, { 0: "S1" }, 0.5]);
});

test("the emotion filter finds an ended call by what the list says of it", () => {
  const latest = { ...script("a").emotion(9), scores: { angry: 0.9 } };
  const ended = view("a", { state: "ended", emotions: { 0: latest } });
  const call = reduce(EMPTY, { do: "listed", asked_ms: 0, views: [ended], now_ms: 0 }).calls.get("a");
  assert.ok(admits(call, undefined, { ...OVERVIEW, view: "ended", emotion: "angry" }, call.duration_s));
});

test("alerts open, change and are cleared, and the list brings those of before", () => {
  const a = script("a");
  const alert = (type, t, value) =>
    ({ type, call_id: "a", seq: 100 + t, t, channel: 0, rule: "anger", severity: "warning", value, start_s: t - 3, end_s: t, speaker: null });
  const open = play(EMPTY, [a.started(), alert("alert.raised", 10, 0.7), alert("alert.updated", 12, 0.9)]);
  assert.deepEqual(open.calls.get("a").alerts.map((x) => [x.raised_s, x.cleared_s, x.value]), [[10, null, 0.9]]);
  const over = play(open, [alert("alert.cleared", 20, 0.2)]);
  assert.deepEqual(over.calls.get("a").alerts.map((x) => [x.raised_s, x.cleared_s]), [[10, 20]]);
  assert.deepEqual(play(play(EMPTY, [a.started()]), [alert("alert.cleared", 20, 0.2)]).calls.get("a").alerts, []);
  const listed = reduce(EMPTY, { do: "listed", asked_ms: 0, views: [view("a", { alerts: open.calls.get("a").alerts })], now_ms: 0 });
  assert.equal(listed.calls.get("a").alerts.length, 1);
});

/** A page that was connected anew while events of `a` were missed; the next one that it hears is the 40th. */
function afterGap(a, next) {
  const before = reduce(play(EMPTY, [a.started(), a.speech(1)]), { do: "connected" });
  return play(before, [{ ...next(), seq: 40 }]);
}

test("after a gap an event is not taken for all that has happened since", () => {
  const a = script("a");
  const gap = afterGap(a, () => a.emotion(30));
  assert.equal(gap.calls.get("a").last_seq, 1);
  const alerts = [{ rule: "anger", channel: 0, raised_s: 20, cleared_s: null }];
  const recent = [[20, 0, "S1", "angry", 0.9, 0, 0.8, "high"]];
  const missed = view("a", { last_seq: 39, alerts, recent, speaking: [], duration_s: 29 });
  const { calls, behind } = reduce(gap, { do: "listed", asked_ms: 0, views: [missed], now_ms: 0 });
  assert.deepEqual([calls.get("a").last_seq, calls.get("a").alerts, calls.get("a").speaking], [40, alerts, []]);
  assert.deepEqual(calls.get("a").pulse.bins.map(({ n }) => n), [10, 11, 12, 13, 14, 15]);
  assert.equal(behind, false);
});

test("a call that began and one that ended in the gap are what the list says", () => {
  const [a, c] = [script("a"), script("c")];
  const gap = play(afterGap(a, () => a.silence(1, 30)), [c.started(), c.speech(1)]);
  const views = [view("b"), view("a", { state: "ended", ended_at: "2025-01-01T10:01:00Z", last_seq: 41 })];
  const { live, ended } = sorted(reduce(gap, { do: "listed", asked_ms: 0, views, now_ms: 0 }));
  assert.deepEqual([live.map((call) => call.call_id).sort(), ended.map((call) => call.call_id)], [["b", "c"], ["a"]]);
  assert.deepEqual(live.find((call) => call.call_id === "c").speaking, [0]);
});

test("the open call's history has what came in the gap and after it, once", () => {
  const a = script("a");
  const open = reduce(opened("a", { last_seq: 5 }), { do: "connected" });
  const waits = play(reduce(open, { do: "opened", call_id: "a" }), [{ ...a.emotion(12), seq: 9 }]);
  const timeline = [{ t: 10, channel: 0 }, { t: 11, channel: 0 }];
  const detailed = reduce(waits, { do: "detailed", view: view("a", { last_seq: 8, timeline }), now_ms: 0 });
  const listed = reduce(detailed, { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 8 })], now_ms: 0 });
  assert.deepEqual(listed.calls.get("a").detail.points[0].map(({ t }) => t), [10, 11, 12]);
});

test("of an ended call and a live one of the same name the live one is shown", () => {
  const views = [view("a", { started_at: "2025-01-01T11:00:00Z", last_seq: 2 }), view("a", { state: "ended", last_seq: 90 })];
  assert.equal(reduce(EMPTY, { do: "listed", asked_ms: 0, views, now_ms: 0 }).calls.get("a").state, "live");
});

const raisedAlert = (a, t, fields = {}) =>
  ({ ...a.warning(t), type: "alert.raised", rule: "anger", severity: "warning", value: 0.7, start_s: t - 3, end_s: t, speaker: null, ...fields });

test("alerts of one rule about two speakers are two, and each is cleared by its name", () => {
  const a = script("a");
  const [one, two] = [{ alert_id: "a:1", speaker: "S1" }, { alert_id: "a:2", speaker: "S2" }];
  const open = play(EMPTY, [a.started(), raisedAlert(a, 10, one), raisedAlert(a, 11, two), { ...raisedAlert(a, 15, one), type: "alert.cleared" }]);
  assert.deepEqual(open.calls.get("a").alerts.map((x) => [x.alert_id, x.raised_s, x.cleared_s]), [["a:1", 10, 15], ["a:2", 11, null]]);
});

test("the most pressing alert comes first, of those that press alike the newest", () => {
  const of = (severity, raised_s, cleared_s = null) => ({ severity, raised_s, cleared_s });
  const alerts = [of("info", 9), of("warning", 5), of("critical", 1), of("warning", 7), of("critical", 2, 3)];
  assert.deepEqual(openAlerts(alerts).map(({ raised_s }) => raised_s), [1, 7, 5, 9]);
});

test("an alert is new once, whether an event or the list tells of it", () => {
  const a = script("a");
  const before = play(EMPTY, [a.started()]);
  const after = play(before, [raisedAlert(a, 10)]);
  assert.deepEqual(raisedSince(before.calls, after.calls).map(({ alert }) => alert.raised_s), [10]);
  const listed = { do: "listed", asked_ms: 0, views: [view("a", { last_seq: 9, alerts: structuredClone(after.calls.get("a").alerts) })], now_ms: 0 };
  assert.deepEqual(raisedSince(after.calls, reduce(after, listed).calls), []);
  assert.equal(raisedSince(before.calls, reduce(before, listed).calls).length, 1);
  assert.deepEqual(raisedSince(after.calls, play(after, [{ ...raisedAlert(a, 12), type: "alert.cleared" }]).calls), []);
});
