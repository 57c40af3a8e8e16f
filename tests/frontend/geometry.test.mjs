import assert from "node:assert/strict";
import { test } from "node:test";
import { pointAt, runs, speakers, stretches, ticks, timeAt, unusable, xAt } from "../../frontend_static/shared/geometry.js";

const point = (t, reliability = "high") => ({ t, channel: 0, reliability, label: "angry", scores: {} });
const call = (channels, state = "live") => ({ channels, state });
const MONO = [{ channel: 0, role: "mixed", emotion: true }];
const DETAIL = { turns: [{ speaker: "S10", start_s: 0, end_s: 1 }, { speaker: "S2", start_s: 1, end_s: 2 }] };

test("a point stands for the hop before it, also when the hop has widened", () => {
  const spans = stretches([point(1), point(1.5), point(3.5)], 0).map((s) => [s.from_s, s.to_s]);
  assert.deepEqual(spans, [[0.5, 1], [1, 1.5], [1.5, 3.5]]);
});

test("a pause leaves a hole in the chart", () => {
  assert.equal(runs(stretches([point(1), point(1.5), point(8), point(8.5)], 0)).length, 2);
});

test("what is unusable is drawn as no score and lasts until the next score", () => {
  const points = [point(1), point(4, "unusable"), point(9)];
  assert.deepEqual(stretches(points, 0).map((s) => s.to_s), [1, 9]);
  assert.deepEqual(unusable(points, 20), [{ from_s: 4, to_s: 8.5 }]);
  assert.equal(pointAt(points, 6), null);
  assert.equal(pointAt(points, 8.7)?.t, 9);
});

test("pixels and seconds are each other's inverse inside the chart", () => {
  const place = { from_s: 180, to_s: 300, left: 92, right: 992 };
  assert.ok(Math.abs(timeAt(place, xAt(place, 250)) - 250) < 1e-9);
  assert.equal(timeAt(place, 0), 180);
  assert.ok(ticks(place).every((t) => t >= 180 && t <= 300));
});

test("speakers have lanes in the order of their numbers", () => {
  assert.deepEqual(speakers(call(MONO), DETAIL, 0), ["S2", "S10"]);
});

test("on a stereo call every role has a lane, spoken or not", () => {
  const channels = [...MONO, { channel: 1, role: "agent", emotion: false }];
  assert.deepEqual(speakers(call(channels), { turns: [] }, 0), ["mixed", "agent"]);
});
