import assert from "node:assert/strict";
import { test } from "node:test";
import { evidenceText, severityText, valueText, whenText, whomText } from "../../frontend_static/dashboard/alerttext.js";
import { moment, opening, OVERVIEW, parsed, written } from "../../frontend_static/dashboard/address.js";
import { admits, choices, filters } from "../../frontend_static/dashboard/filters.js";
import { talk } from "../../frontend_static/dashboard/talk.js";
import { boxes } from "../../frontend_static/dashboard/lanes.js";
import { aligned, SERIES } from "../../frontend_static/dashboard/curves.js";
import { lasting, speakingSentence, why, whyFirst } from "../../frontend_static/dashboard/why.js";
import { moved, onto, shown, WHOLE, zoomed } from "../../frontend_static/dashboard/zoom.js";
import { STILL } from "../../frontend_static/shared/pulse.js";

const call = (fields = {}) => ({
  call_id: "c-17", state: "live", channels: [{ channel: 0, role: "customer", emotion: true }, { channel: 1, role: "agent", emotion: false }],
  models: { emotion: { labels: ["angry", "neutral"] } }, tags: { team: "north" }, alerts: [], names: new Map(), pulse: { ...STILL, led: { angry: 50 } }, ...fields,
});
const asked = (fields) => ({ ...OVERVIEW, ...fields });
const turn = (speaker, start_s, end_s, channel = 0) => ({ speaker, channel, start_s, end_s });

test("the address holds the whole state", () => {
  const state = { view: "ended", call: "c:17.a", role: "customer", tag: "team:north & south", emotion: "angry", level: "help", alert: true, find: "ü 7", span_s: 90.5, end_s: 300 };
  assert.deepEqual(parsed(written(state)), state);
  assert.deepEqual(parsed(written({ ...state, span_s: null })), { ...state, span_s: null });
  assert.deepEqual(parsed(written(OVERVIEW)), OVERVIEW);
});

test("an address that nobody wrote does no harm", () => {
  assert.deepEqual(parsed("#level=dreadful&span=-3&end=soon&view=upside&alert=1&nonsense"), OVERVIEW);
  assert.deepEqual(parsed(""), OVERVIEW);
  assert.equal(parsed(`#call=${"x".repeat(500)}`).call.length, 128);
});

test("another call is shown as usual, the same one as it was", () => {
  const address = asked({ call: "a", span_s: 60, end_s: 100, role: "customer" });
  assert.equal(opening(address, "a"), address);
  assert.deepEqual(opening(address, "b"), asked({ call: "b", role: "customer" }));
});

test("each filter lets in what it names and nothing else", () => {
  const standing = { level: "watch", alerts: [] };
  for (const [yes, no] of [
    [{ role: "agent" }, { role: "mixed" }],
    [{ tag: "team:north" }, { tag: "team:south" }],
    [{ emotion: "angry" }, { emotion: "neutral" }],
    [{ level: "watch" }, { level: "help" }],
    [{ find: "C-1" }, { find: "d-1" }],
    [{ find: "north" }, { find: "south" }],
    [{ alert: false }, { alert: true }],
  ]) {
    assert.ok(admits(call(), standing, asked(yes), 60), JSON.stringify(yes));
    assert.ok(!admits(call(), standing, asked(no), 60), JSON.stringify(no));
  }
  assert.ok(!filters(OVERVIEW) && filters(asked({ find: "x" })));
});

test("an emotion counts for half a minute after it last came first", () => {
  assert.ok(admits(call(), undefined, asked({ emotion: "angry" }), 80));
  assert.ok(!admits(call(), undefined, asked({ emotion: "angry" }), 80.5));
});

test("only an open alert counts while the call is live, any once it has ended", () => {
  const alerts = [{ rule: "anger", cleared_s: 9 }];
  assert.ok(!admits(call({ alerts }), undefined, asked({ alert: true }), 60));
  assert.ok(admits(call({ alerts, state: "ended" }), undefined, asked({ alert: true }), 60));
  assert.ok(admits(call({ alerts: [{ rule: "anger", cleared_s: null }] }), undefined, asked({ alert: true }), 60));
  const standing = { level: "help", alerts: [{ rule: "anger", cleared_s: null }] }; // what the row says, a moment ago
  assert.ok(admits(call({ alerts }), standing, asked({ alert: true }), 60));
});

test("the choices are what the calls have, and what was chosen", () => {
  const { roles, tags, emotions } = choices([call()], asked({ role: "mixed", tag: "team:south" }));
  assert.deepEqual(roles, ["agent", "customer", "mixed"]);
  assert.deepEqual(tags, ["team:north", "team:south"]);
  assert.deepEqual(emotions, ["angry", "neutral"]);
});

test("a view that follows ends now, and one that does not stays", () => {
  assert.deepEqual(shown({ span_s: 120, end_s: null }, 300, true), { from_s: 180, to_s: 300 });
  assert.deepEqual(shown({ span_s: 120, end_s: 200 }, 300, true), { from_s: 80, to_s: 200 });
  assert.deepEqual(shown(WHOLE, 300, true), { from_s: 0, to_s: 300 });
  assert.deepEqual(shown(WHOLE, 5, true), { from_s: 0, to_s: 30 });
  assert.deepEqual(shown({ span_s: 600, end_s: 20 }, 300, false), { from_s: 0, to_s: 300 });
});

test("zooming keeps the moment under the pointer in its place", () => {
  const now = { from_s: 100, to_s: 200 };
  const closer = zoomed(now, 125, 0.5);
  assert.deepEqual(closer, { from_s: 112.5, to_s: 162.5 });
  assert.equal((125 - closer.from_s) / 50, (125 - now.from_s) / 100);
  assert.deepEqual(shown(onto(closer, 300, true), 300, true), closer);
});

test("zooming out ends with the whole call, and at the newest the view follows", () => {
  assert.equal(onto({ from_s: -50, to_s: 400 }, 300, false), WHOLE);
  assert.deepEqual(onto({ from_s: 200, to_s: 320 }, 300, true), { span_s: 120, end_s: null });
  assert.deepEqual(onto({ from_s: 290, to_s: 291 }, 300, false), { span_s: 4, end_s: 291 });
});

test("the view is not moved out of the call", () => {
  assert.deepEqual(moved({ from_s: 10, to_s: 60 }, -40, 300), { from_s: 0, to_s: 50 });
  assert.deepEqual(moved({ from_s: 240, to_s: 290 }, 40, 300), { from_s: 250, to_s: 300 });
});

test("all shares of the time are the whole call", () => {
  const all = talk([turn("customer", 1, 5), turn("agent", 4, 8, 1), turn("customer", 12, null)], 20);
  const alone = Object.fromEntries(all.shares.map((share) => [share.speaker, share.alone_s]));
  assert.deepEqual(alone, { customer: 11, agent: 3 });
  assert.deepEqual([all.both_s, all.silent_s], [1, 5]);
  assert.deepEqual(all.overlaps, [{ start_s: 4, end_s: 5 }]);
  assert.deepEqual(all.longest, { start_s: 8, end_s: 12 });
  assert.deepEqual(all.shares.map((share) => share.turns), [2, 1]);
});

test("turns that touch are neither an overlap nor a silence", () => {
  const all = talk([turn("S1", 0, 5), turn("S2", 5, 10)], 10);
  assert.deepEqual([all.both_s, all.silent_s, all.longest], [0, 0, null]);
  assert.deepEqual(talk([], 0), { shares: [], both_s: 0, silent_s: 0, overlaps: [], longest: null });
});

test("a curve is broken where nothing usable was heard", () => {
  const point = (t, reliability = "high") => ({ t, reliability, arousal: 0.5, scores: { angry: 0.4 } });
  const [times, ...columns] = aligned([point(1), point(1.5), point(9), point(9.5, "unusable")]);
  assert.deepEqual(times, [1, 1.5, 1.51, 9, 9.5]);
  assert.deepEqual(columns[SERIES.indexOf("angry")], [0.4, 0.4, null, 0.4, null]);
  assert.deepEqual(columns[SERIES.indexOf("arousal")], [0.5, 0.5, null, 0.5, null]);
});

test("the sentence says who, what, how long and where it goes", () => {
  const standing = { level: "help", value: 0.6, label: "angry", channel: 0, for_s: 41, at_least: false, course: "rising", alerts: [] };
  assert.equal(why(call(), standing, 60), "The customer has sounded angry for 40 s, and it is rising");
  const alerts = [{ rule: "anger", raised_s: 30 }];
  assert.equal(why(call(), { ...standing, alerts, course: "steady" }, 60), "The customer has sounded angry for 40 s. Alert “Anger” for 30 s");
  assert.equal(whyFirst(call(), { ...standing, alerts, course: "steady" }, 60, true), "Customer angry for 40 s");
  const calm = { ...standing, alerts: [...alerts, { rule: "risk", raised_s: 20 }], level: "calm" };
  assert.deepEqual([why, whyFirst].map((say) => say(call(), calm, 60)), Array(2).fill("Alert “Anger” for 30 s, and one more"));
  const mixed = call({ channels: [{ channel: 0, role: "mixed", emotion: true }], pulse: { ...STILL, voices: { 0: "S2" } } });
  assert.equal(why(mixed, { ...standing, label: "fearful", course: "easing" }, 60), "Speaker 2 sounded afraid for 40 s; it is easing");
});

test("a calm call says why there is nothing to say", () => {
  const calm = { level: "calm", value: 0.1, label: "angry", channel: 0, for_s: 0, at_least: false, course: "steady", alerts: [] };
  const heard = { ...STILL, evidence: { 0: { t: 50, weight_s: 1, angry_s: 0, fearful_s: 0 } } };
  assert.equal(why(call({ pulse: STILL }), calm, 60), "No speech heard yet");
  assert.equal(why(call({ pulse: heard }), calm, 60), "No anger or fear to speak of");
  assert.equal(why(call({ pulse: heard }), calm, 110), "No speech for 1 min");
  assert.equal(why(call({ channels: [{ channel: 0, role: "agent", emotion: false }] }), calm, 60), "Emotion is not inferred on this call");
});

test("who speaks is told whether it is nobody, one or both", () => {
  const speaking = (channels) => speakingSentence(call({ speaking: channels }));
  assert.deepEqual([[], [0], [0, 1]].map(speaking), ["Nobody speaks", "Customer is speaking", "Both at once"]);
});

test("times grow coarser as they grow longer", () => {
  assert.deepEqual([0.2, 7.4, 41, 59, 83, 600, 1234].map((s) => lasting(s)), ["1 s", "7 s", "40 s", "1 min", "1 min 25 s", "10 min", "20 min"]);
  assert.equal(lasting(180, true), "over 3 min");
});

const ALERT = { rule: "anger", severity: "critical", channel: 0, value: 0.74, start_s: 20, end_s: 26, speaker: null, raised_s: 26, cleared_s: null };

test("an alert is told with its severity, whom it is about, since when, and what it rests on", () => {
  assert.equal(severityText(ALERT), "Critical");
  assert.equal(severityText({ ...ALERT, severity: "dire" }), "dire");
  assert.equal(whomText(call(), ALERT), "Customer");
  assert.equal(whomText(call(), { ...ALERT, channel: null }), null);
  assert.equal(whomText(call({ names: new Map([["S2", "Ada"]]) }), { ...ALERT, speaker: "S2" }), "Ada (speaker 2)");
  assert.equal(whenText(ALERT, 66), "For 40 s");
  assert.equal(whenText({ ...ALERT, cleared_s: 86 }, 300), "For 1 min, until 1:26");
  assert.equal(evidenceText(ALERT), "Heard from 0:20 to 0:26");
});

test("what was measured stands beside its threshold, each in its own unit", () => {
  const of = (measure, value, threshold) => valueText({ ...ALERT, measure, value, threshold }).replaceAll("\u00a0", " ");
  assert.equal(of("score", 0.74, 0.6), "Score 74 %, threshold 60 %");
  assert.equal(of("silence_s", 34, 30), "Silence of 35 s, threshold 30 s");
  assert.equal(of("interruptions", 5, 4), "Interruptions: 5, threshold 4");
  assert.equal(of("talk_ratio", 0.9, null), "Share of the talk 90 %");
  assert.equal(of(undefined, 0.5, undefined), "50 %");
});

test("the link of an alert leads to its moment, if it is one of that call on this page", () => {
  assert.deepEqual(moment("/dashboard#call=a&span=10&end=28", "a"), asked({ call: "a", span_s: 10, end_s: 28 }));
  for (const link of ["/dashboard#call=b", "/elsewhere#call=a", "//other.example/dashboard#call=a", "", null, undefined]) assert.equal(moment(link, "a"), null);
});

test("alerts that rest on the same stretch are one box", () => {
  const of = (start_s, end_s) => ({ ...ALERT, start_s, end_s });
  const all = boxes([of(40, 50), of(10, 20), of(15, 30)]);
  assert.deepEqual(all.map(({ start_s, end_s, alerts }) => [start_s, end_s, alerts.length]), [[10, 30, 2], [40, 50, 1]]);
});
