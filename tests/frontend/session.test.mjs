import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../frontend_static/mic/session.js";

/** A call that says what it is told to, and keeps what was done to it. */
class ScriptedCall {
  closed = 0;
  finished = 0;
  streams = [];

  constructor(stream, on) {
    this.stream = stream;
    this.on = on;
  }

  async setStream(stream) {
    this.streams.push(stream);
  }

  finish() {
    this.finished += 1;
  }

  close() {
    this.closed += 1;
  }
}

/** A session whose connections are made when the test says so. */
function scripted(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const [attempts, told, heard] = [[], [], []];
  const open = (stream, on, known) => new Promise((resolve, reject) => {
    const call = new ScriptedCall(stream, on);
    attempts.push({ call, known, on, reject,
      succeed: async (why = null) => {
        resolve({ call, path: why ? "websocket" : "webrtc", why });
        await turn();
      },
      fail: async (code) => {
        reject(Object.assign(new Error(code), { code }));
        await turn();
      } });
  });
  const on = { event: (event) => heard.push(event.type), behind: () => heard.push("behind"), status: ({ phase }) => told.push(phase) };
  return { session: new Session("first", on, open), attempts, told, heard };
}

/** Lets what was promised happen. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const ENDED = { type: "call.ended", reason: "finished" };

test("trying again while a connection is being made opens no second call", async (t) => {
  const { session, attempts, told } = scripted(t);
  const started = session.start();
  session.retry();
  session.retry();
  assert.equal(attempts.length, 1);
  await attempts[0].succeed();
  await started;
  assert.deepEqual(told, ["connecting", "live"]);
  attempts[0].on.lost();
  session.retry();
  session.retry();
  t.mock.timers.tick(60_000);
  assert.equal(attempts.length, 2);
  await attempts[1].succeed();
  assert.deepEqual([attempts[0].call.closed, attempts[1].call.closed], [1, 0]);
  assert.equal(told.at(-1), "live");
});

test("a connection that comes about after the session was stopped is closed, and over is told once", async (t) => {
  const { session, attempts, told } = scripted(t);
  const started = session.start();
  session.stop();
  assert.deepEqual(told, ["connecting", "over"]);
  await attempts[0].succeed();
  await started;
  attempts[0].on.event(ENDED);
  attempts[0].on.lost();
  t.mock.timers.tick(60_000);
  assert.equal(attempts[0].call.closed, 1);
  assert.deepEqual(told, ["connecting", "over"]);
});

test("a connection that fails after the session was stopped is no problem any more", async (t) => {
  const { session, attempts, told } = scripted(t);
  const started = session.start();
  session.stop();
  await attempts[0].fail("unreachable");
  await started;
  assert.deepEqual(told, ["connecting", "over"]);
});

test("a session that is closed says nothing more", async (t) => {
  const { session, attempts, told, heard } = scripted(t);
  session.start();
  await attempts[0].succeed();
  session.close();
  attempts[0].on.event(ENDED);
  attempts[0].on.lost();
  attempts[0].on.behind();
  t.mock.timers.tick(60_000);
  assert.deepEqual([attempts[0].call.closed, attempts.length], [1, 1]);
  assert.deepEqual([told, heard], [["connecting", "live"], []]);
});

test("a call that was given up is not heard through the next one", async (t) => {
  const { session, attempts, told, heard } = scripted(t);
  session.start();
  await attempts[0].succeed();
  attempts[0].on.lost();
  session.retry();
  await attempts[1].succeed();
  attempts[0].on.event(ENDED);
  attempts[0].on.lost();
  assert.equal(attempts[1].call.closed, 0);
  assert.deepEqual([told.at(-1), heard], ["live", []]);
});

test("a connection that is lost before it stands is made anew", async (t) => {
  const { session, attempts, told } = scripted(t);
  session.start();
  attempts[0].on.event({ ...ENDED, reason: "server.stopping" });
  await attempts[0].succeed();
  assert.equal(attempts[0].call.closed, 1);
  t.mock.timers.tick(60_000);
  assert.equal(attempts.length, 2);
  await attempts[1].succeed();
  assert.deepEqual(told, ["connecting", "lost", "lost", "live"]);
});

test("the first connection's failure is the caller's, later ones are tried again", async (t) => {
  const { session, attempts, told } = scripted(t);
  const started = session.start();
  const failed = assert.rejects(started, { code: "unreachable" });
  await attempts[0].fail("unreachable");
  await failed;
  assert.deepEqual(told, ["connecting"]);
  session.retry();
  await attempts[1].fail("unreachable");
  t.mock.timers.tick(60_000);
  assert.equal(attempts.length, 3);
});

test("what kept WebRTC from being used is remembered for the next connection", async (t) => {
  const { session, attempts } = scripted(t);
  session.start();
  await attempts[0].succeed("unauthorized");
  attempts[0].on.lost();
  session.retry();
  assert.deepEqual(attempts.map(({ known }) => known), [null, "unauthorized"]);
});

test("a device that was chosen while connecting is the one that is heard", async (t) => {
  const { session, attempts } = scripted(t);
  session.start();
  await session.setStream("second");
  await attempts[0].succeed();
  assert.deepEqual(attempts[0].call.streams, ["second"]);
});

test("a call is ended in order, or given up if its end does not come", async (t) => {
  for (const end of ["comes", "does not come"]) {
    const { session, attempts, told } = scripted(t);
    session.start();
    await attempts[0].succeed();
    session.stop();
    assert.equal(attempts[0].call.finished, 1);
    if (end === "comes") attempts[0].on.event(ENDED);
    else t.mock.timers.tick(4000);
    assert.deepEqual([told, attempts[0].call.closed], [["connecting", "live", "over"], 1], end);
    t.mock.timers.reset();
  }
});
