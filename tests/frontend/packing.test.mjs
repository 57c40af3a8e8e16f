import assert from "node:assert/strict";
import { test } from "node:test";
import { Packer } from "../../frontend_static/mic/packing.js";
import { meterShare } from "../../frontend_static/shared/microphone.js";

/** The messages that these samples become at 1 kHz: 100 samples each. */
function packed(...blocks) {
  const messages = [];
  const packer = new Packer(1000, (message) => messages.push(message));
  for (const block of blocks) packer.add(block);
  return { messages, packer };
}

test("messages have one length, however the samples come", () => {
  const samples = Float32Array.from({ length: 250 }, (_, i) => i / 250);
  const whole = packed(samples).messages;
  const pieces = packed(samples.subarray(0, 7), samples.subarray(7, 128), samples.subarray(128)).messages;
  assert.deepEqual(whole.map((m) => m.length), [100, 100]);
  assert.deepEqual(pieces, whole);
});

test("what is left comes when it is asked for, and only once", () => {
  const { messages, packer } = packed(new Float32Array(130));
  packer.flush();
  packer.flush();
  assert.deepEqual(messages.map((m) => m.length), [100, 30]);
});

test("samples beyond full scale are cut off", () => {
  const { messages, packer } = packed(Float32Array.of(1, 2, -2, 0));
  packer.flush();
  assert.deepEqual([...messages[0]], [32767, 32767, -32768, 0]);
});

test("a message is its own memory, so that it may be given away", () => {
  const { messages } = packed(new Float32Array(200));
  assert.notEqual(messages[0].buffer, messages[1].buffer);
});

test("the meter goes from silence to full scale", () => {
  assert.deepEqual([-90, -60, -30, 0].map(meterShare), [0, 0, 0.5, 1]);
});
