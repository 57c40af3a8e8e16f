import assert from "node:assert/strict";
import { test } from "node:test";
import { openLine } from "../../frontend_static/mic/line.js";
import { SocketCall } from "../../frontend_static/mic/socketcall.js";

/** What a browser has, as far as a call needs it. `flushes`: whether the audio thread answers. */
function browser(t, { flushes = true } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = { sent: [], socket: null };
  class FakeSocket {
    static OPEN = 1;
    readyState = 1;
    bufferedAmount = 0;
    constructor() {
      made.socket = this;
      setImmediate(() => {
        this.onopen();
        this.onmessage({ data: JSON.stringify({ type: "call.started", seq: 1 }) });
      });
    }
    send(message) {
      made.sent.push(message.startsWith("{") ? JSON.parse(message).type : message);
    }
    close() {}
  }
  const port = { onmessage: null, postMessage: () => flushes && ["the last words", null].forEach((data) => port.onmessage?.({ data })) };
  const fakes = {
    WebSocket: FakeSocket,
    location: { href: "http://localhost/", protocol: "http:" },
    AudioContext: class {
      sampleRate = 48_000;
      state = "running";
      audioWorklet = { addModule: async () => {} };
      async resume() {}
      close() {}
    },
    AudioWorkletNode: class {
      port = port;
      connect() {}
    },
    MediaStreamAudioSourceNode: class {
      connect() {}
      disconnect() {}
    },
  };
  const before = Object.fromEntries(Object.keys(fakes).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, fakes);
  t.after(() => Object.assign(globalThis, before));
  return { port, made };
}

async function opened(t, options) {
  const { port, made } = browser(t, options);
  const heard = [];
  const call = new SocketCall("stream", { event: ({ type }) => heard.push(type), behind: () => heard.push("behind"), lost: () => heard.push("lost") });
  await call.open();
  return { call, port, heard, sent: made.sent, socket: made.socket };
}

test("what was said last is sent before the end is asked for, and nothing after it", async (t) => {
  const { call, port, sent } = await opened(t);
  port.onmessage({ data: "words" });
  call.finish();
  port.onmessage?.({ data: "too late" });
  t.mock.timers.tick(1000);
  assert.deepEqual(sent, ["configure", "words", "the last words", "finish"]);
});

test("an audio thread that does not answer is not waited for", async (t) => {
  const { call, port, sent } = await opened(t, { flushes: false });
  call.finish();
  t.mock.timers.tick(300);
  port.onmessage?.({ data: "too late" });
  assert.deepEqual(sent, ["configure", "finish"]);
});

test("audio that the network does not take is left out, and that is told", async (t) => {
  const { port, heard, sent, socket } = await opened(t);
  socket.bufferedAmount = 2 ** 20;
  port.onmessage({ data: "words" });
  assert.deepEqual([sent, heard], [["configure"], ["call.started", "behind"]]);
});

test("where WebRTC could not be used before it is not tried again", async (t) => {
  browser(t);
  let tried = 0;
  globalThis.RTCPeerConnection = class {
    constructor() {
      tried += 1;
      throw new Error("no peer");
    }
  };
  t.after(() => delete globalThis.RTCPeerConnection);
  const { path, why } = await openLine("stream", { event() {}, behind() {}, lost() {} }, "unauthorized");
  assert.deepEqual([tried, path, why], [0, "websocket", "unauthorized"]);
});
