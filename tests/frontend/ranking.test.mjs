import assert from "node:assert/strict";
import { test } from "node:test";
import { level, MARGIN, ranked, reordered, standing, UNRANKED } from "../../frontend_static/dashboard/ranking.js";
import { distress, weighed } from "../../frontend_static/shared/distress.js";
import { beaten, binsUntil, distressAt, MOST_BINS, STILL } from "../../frontend_static/shared/pulse.js";

const beat = (t, angry, fields = {}) =>
  ({ t, channel: 0, speaker: "S1", label: angry >= 0.3 ? "angry" : "neutral", angry, fearful: 0, arousal: 0.5, reliability: "high", ...fields });
/** A pulse with a score every half second from `from` to `to`. */
const felt = (angry, from, to, pulse = STILL, fields = {}) => {
  for (let t = from; t <= to; t += 0.5) pulse = beaten(pulse, beat(t, angry, fields));
  return pulse;
};
const call = (call_id, pulse, duration_s, fields = {}) =>
  ({ call_id, state: "live", channels: [{ channel: 0, role: "mixed", emotion: true }], pulse, alerts: [], duration_s, anchor_ms: 0, ...fields });

test("anger that lasts raises distress, and silence lets it fall", () => {
  const pulse = felt(0.8, 0, 30);
  assert.ok(distressAt(pulse, 5) > 0.2);
  assert.ok(distressAt(pulse, 30) > 0.6);
  assert.ok(distressAt(pulse, 60) < distressAt(pulse, 40) && distressAt(pulse, 40) < distressAt(pulse, 30));
  assert.ok(distressAt(pulse, 120) < 0.1);
});

test("fear counts like anger", () => {
  assert.equal(distressAt(felt(0, 0, 20, STILL, { fearful: 0.8 }), 20), distressAt(felt(0.8, 0, 20), 20));
});

test("what can be relied on more counts more, and what is unusable not at all", () => {
  const of = (reliability) => distressAt(felt(0.8, 0, 10, STILL, { reliability }), 10);
  assert.ok(of("high") > of("medium") && of("medium") > of("low") && of("low") > 0);
  assert.equal(of("unusable"), 0);
});

test("a wider hop says the same as a narrow one", () => {
  let [narrow, wide] = [undefined, undefined];
  for (let t = 0; t <= 40; t += 0.5) narrow = weighed(narrow, beat(t, 0.6));
  for (let t = 0; t <= 40; t += 2) wide = weighed(wide, beat(t, 0.6));
  assert.ok(Math.abs(distress(narrow, 40) - distress(wide, 40)) < 0.03);
});

test("of two channels the one that is worse off speaks for the call", () => {
  const calm = felt(0.05, 0, 20, STILL, { channel: 1 });
  const both = felt(0.8, 0, 20, calm);
  assert.equal(standing(undefined, call("a", both, 20), 20).channel, 0);
});

test("a pulse is as long as three minutes at most, silence included", () => {
  const pulse = felt(0.5, 0, 400);
  assert.equal(pulse.bins.length, MOST_BINS);
  const late = binsUntil(pulse, 460);
  assert.equal(late.length, MOST_BINS);
  assert.equal(late.at(-1).n, 230);
  assert.equal(late.at(-1).arousal, null);
  assert.deepEqual(binsUntil(pulse, 2000).map((bin) => bin.n), Array.from({ length: MOST_BINS }, (_, i) => 1000 - MOST_BINS + 1 + i));
});

test("a level is left later than it is entered", () => {
  assert.equal(level("calm", 0.44), "watch");
  assert.equal(level("watch", 0.45), "help");
  assert.equal(level("help", 0.4), "help");
  assert.equal(level("help", 0.37), "watch");
  assert.equal(level("calm", 0.25), "calm");
  assert.equal(level("watch", 0.25), "watch");
  assert.equal(level("watch", 0.21), "calm");
});

test("a call passes another only if it is clearly worse", () => {
  const values = { a: 0.5, b: 0.5 + MARGIN / 2 };
  assert.deepEqual(reordered(["a", "b"], (id) => values[id]), ["a", "b"]);
  values.b = 0.5 + 2 * MARGIN;
  assert.deepEqual(reordered(["a", "b"], (id) => values[id]), ["b", "a"]);
});

test("many small steps do not leave the worst call below", () => {
  const ids = Array.from({ length: 20 }, (_, i) => `c${i}`);
  const valueOf = (id) => Number(id.slice(1)) * MARGIN * 0.8;
  const order = reordered(ids, valueOf);
  for (const [above, id] of order.entries()) {
    for (const below of order.slice(above + 1)) assert.ok(valueOf(below) - valueOf(id) <= MARGIN + 1e-9, `${id} over ${below}`);
  }
});

test("an open alert comes before everything, a note does not", () => {
  const alert = { rule: "anger", severity: "warning", channel: 0, value: 0.5, start_s: 1, end_s: 2, speaker: null, raised_s: 2, cleared_s: null };
  const calls = [call("angry", felt(0.9, 0, 40), 40), call("alerted", felt(0.1, 0, 40), 40, { alerts: [alert] })];
  const { order, standings } = ranked(UNRANKED, calls, 0);
  assert.deepEqual(order, ["alerted", "angry"]);
  assert.equal(standings.get("alerted").level, "help");
  const over = [calls[0], { ...calls[1], alerts: [{ ...alert, cleared_s: 9 }] }];
  assert.deepEqual(ranked({ order, standings }, over, 0).order, ["angry", "alerted"]);
  const noted = [calls[0], { ...calls[1], alerts: [{ ...alert, severity: "info" }] }];
  const { order: quiet, standings: levels } = ranked(UNRANKED, noted, 0);
  assert.deepEqual([quiet, levels.get("alerted").level], [["angry", "alerted"], "calm"]);
});

test("calls that come are ranked in, and calls that have ended leave", () => {
  const before = ranked(UNRANKED, [call("a", felt(0.2, 0, 20), 20), call("b", felt(0.6, 0, 20), 20)], 0);
  assert.deepEqual(before.order, ["b", "a"]);
  const after = ranked(before, [call("a", felt(0.2, 0, 20), 20), call("c", felt(0.9, 0, 20), 20)], 0);
  assert.deepEqual(after.order, ["c", "a"]);
  assert.deepEqual([...after.standings.keys()].sort(), ["a", "c"]);
});

test("how long it has lasted is counted from when it rose, and its course from what has changed", () => {
  const pulse = felt(0.8, 61, 100, felt(0.05, 0, 60));
  const now = standing(undefined, call("a", pulse, 100), 100);
  assert.ok(now.for_s > 25 && now.for_s < 40, String(now.for_s));
  assert.deepEqual([now.level, now.label, now.at_least], ["help", "angry", false]);
  assert.equal(standing(undefined, call("a", felt(0.8, 61, 76, felt(0.05, 0, 60)), 76), 76).course, "rising");
  assert.equal(standing(undefined, call("a", felt(0.05, 100.5, 120, pulse), 120), 120).course, "easing");
  assert.equal(standing(undefined, call("a", felt(0.8, 0, 100), 100), 100).course, "steady");
  assert.equal(standing(undefined, call("a", felt(0.8, 0, 400), 400), 400).at_least, true);
});
