import assert from "node:assert/strict";
import { test } from "node:test";
import { delay_ms } from "../../frontend_static/shared/feed.js";
import { pcm, wireLayout } from "../../frontend_static/mic/recording.js";

const LEFT = Float32Array.of(1, 0.5, -2);
const RIGHT = Float32Array.of(0, -0.5, -1);

test("a mix is the mean of the channels and never wraps around", () => {
  assert.deepEqual([...pcm([LEFT, RIGHT], "mix", 0, 3)], [16384, 0, -32768]);
});

test("separate channels are interleaved", () => {
  assert.deepEqual([...pcm([LEFT, RIGHT], "customer,agent", 0, 2)], [32767, 0, 16384, -16383]);
});

test("the last message is as short as what is left", () => {
  assert.equal(pcm([LEFT], "mix", 2, 1600).length, 1);
});

test("a mix leaves the role to the server", () => {
  assert.deepEqual(wireLayout("mix"), { channels: 1, roles: null });
  assert.deepEqual(wireLayout("agent,customer"), { channels: 2, roles: "agent,customer" });
});

test("the wait between attempts doubles up to a bound", () => {
  assert.deepEqual([1, 2, 3, 20].map((n) => delay_ms(n, 1)), [500, 1000, 2000, 15000]);
  assert.ok(delay_ms(3, 0) >= 1500);
});
