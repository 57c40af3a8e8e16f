import assert from "node:assert/strict";
import { test } from "node:test";
import { dateKey, distress, everyDay, hottest, LEAST_S, total, week } from "../../frontend_static/trends/figures.js";
import { parsed, query, spanOf, USUAL, written } from "../../frontend_static/trends/question.js";

const trend = (key, calls, angry, more = {}) => ({
  key, calls, speech_s: 100, alerts: 0, alerted_calls: 0, heard_s: 100, unusable_ratio: 0, arousal: 0.5,
  emotion: angry === null ? null : { angry, fearful: 0.1 }, ...more,
});

test("what is asked about is in the address and comes back from it", () => {
  const question = { days: 90, role: "customer", tag: "team:north, west", by: "role" };
  assert.deepEqual(parsed(written(question)), question);
  assert.deepEqual(parsed(""), { days: USUAL, role: "", tag: "", by: "tag:agent" });
  assert.equal(written(parsed("")), "#");
  assert.equal(parsed("#days=12").days, USUAL);
});

test("a span is whole days of the reader, with as many before it", () => {
  const now = new Date(2026, 2, 30, 15, 20);
  const { from, to, before } = spanOf(7, now);
  assert.deepEqual([dateKey(from), dateKey(before)], ["2026-03-24", "2026-03-17"]);
  assert.equal(to, now);
  assert.equal(from.getHours(), 0);
});

test("only sums that are kept by day are asked for with a tag", () => {
  const question = { days: 7, role: "customer", tag: "team:north", by: "role" };
  const [from, to] = [new Date(Date.UTC(2026, 0, 1)), new Date(Date.UTC(2026, 0, 2))];
  assert.equal(new URLSearchParams(query("day", from, to, question, "UTC")).get("tag"), "team:north");
  assert.equal(new URLSearchParams(query("week", from, to, question, "UTC")).get("tag"), null);
  assert.equal(new URLSearchParams(query("week", from, to, question, "UTC")).get("role"), "customer");
});

test("means are weighed by what was heard", () => {
  const all = total([trend("a", 2, 0.1, { heard_s: 300 }), trend("b", 2, 0.5, { heard_s: 100, alerts: 3, alerted_calls: 1 }), trend("c", 1, null, { heard_s: 0 })]);
  assert.deepEqual([all.calls, all.alerts, all.alerted, all.heard_s], [5, 3, 0.2, 400]);
  assert.ok(Math.abs(all.distress - (0.2 * 300 + 0.6 * 100) / 400) < 1e-9);
});

test("too little speech has no distress", () => {
  assert.equal(distress(trend("a", 1, 0.5, { heard_s: LEAST_S - 1 })), null);
  assert.equal(distress(trend("a", 1, null)), null);
  assert.equal(total([]).distress, null);
  assert.equal(total([]).alerted, 0);
});

test("a day without calls is a day too, also where clocks change", () => {
  const days = everyDay([trend("2026-03-29", 4, 0.1)], new Date(2026, 2, 27), new Date(2026, 2, 31, 12));
  assert.deepEqual(days.map(({ day }) => dateKey(day)), ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"]);
  assert.deepEqual(days.map(({ trend: known }) => known?.calls ?? 0), [0, 0, 4, 0, 0]);
});

test("the hottest hour of the week needs some calls", () => {
  const cells = week([trend("1-09", 20, 0.3), trend("7-23", 1, 0.9), trend("3-14", 20, 0.2)]);
  assert.deepEqual([cells[0][9].calls, cells[6][23].calls, cells[2][14].calls, cells[3][3].calls], [20, 1, 20, 0]);
  assert.ok(Math.abs(cells[0][9].distress - 0.4) < 1e-9);
  assert.deepEqual([hottest(cells, 5).day, hottest(cells, 5).hour], [0, 9]);
  assert.deepEqual([hottest(cells, 1).day, hottest(cells, 1).hour], [6, 23]);
  assert.equal(hottest(cells, 100), null);
});
