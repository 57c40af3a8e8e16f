import assert from "node:assert/strict";
import { test } from "node:test";
import { Devices } from "../../frontend_static/mic/devices.js";

class FakeTrack extends EventTarget {
  stopped = false;

  constructor(id) {
    super();
    this.id = id;
  }

  getSettings() {
    return { deviceId: this.id };
  }

  stop() {
    this.stopped = true;
  }
}

/** A machine with two microphones, "a" and "b", and the page's two lists of them. `broken`: those that do not open. */
function machine(t, broken) {
  const selects = [];
  class FakeSelect extends EventTarget {
    value = "";
    hidden = false;
    replaceChildren() {}
  }
  const page = {
    getElementById: (id) => (id.endsWith("-select") ? selects[selects.push(new FakeSelect()) - 1] : { hidden: false }),
    createElement: () => ({ setAttribute() {}, append() {} }),
  };
  const mediaDevices = {
    addEventListener() {},
    enumerateDevices: async () => ["a", "b"].map((id) => ({ kind: "audioinput", deviceId: id, label: id })),
    getUserMedia: async ({ audio }) => {
      const id = audio.deviceId?.exact ?? "a";
      if (broken.has(id)) throw new DOMException("", "NotReadableError");
      const track = new FakeTrack(id);
      return { id, track, getTracks: () => [track], getAudioTracks: () => [track] };
    },
  };
  for (const [name, value] of Object.entries({ document: page, navigator: { mediaDevices } })) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  return selects;
}

/** Lets what was promised happen. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function choose(select, id) {
  select.value = id;
  select.dispatchEvent(new Event("change"));
  await turn();
}

test("the device before is let go once the one that was chosen is listened to", async (t) => {
  const [taken, selects] = [[], machine(t, new Set())];
  const devices = new Devices(async (stream) => void taken.push(stream.id), () => {});
  const first = await devices.open();
  await turn();
  await choose(selects[0], "b");
  assert.deepEqual([taken, first.track.stopped, selects.map(({ value }) => value)], [["b"], true, ["b", "b"]]);
});

test("a device that does not open is not shown as chosen, and the one before is still listened to", async (t) => {
  const selects = machine(t, new Set(["b"]));
  const first = await new Devices(async () => {}, () => {}).open();
  await turn();
  await choose(selects[0], "b");
  assert.deepEqual([first.track.stopped, selects.map(({ value }) => value)], [false, ["a", "a"]]);
});

test("a stream that the call does not take is given back", async (t) => {
  const [taken, selects] = [[], machine(t, new Set())];
  const first = await new Devices(async (stream) => {
    taken.push(stream);
    throw new Error("the call does not take it");
  }, () => {}).open();
  await turn();
  await choose(selects[1], "b");
  assert.deepEqual([taken[0].track.stopped, first.track.stopped, selects[0].value], [true, false, "a"]);
});

test("a device that opens after the call is over is let go", async (t) => {
  const [taken, selects] = [[], machine(t, new Set())];
  const devices = new Devices(async (stream) => void taken.push(stream), () => {});
  await devices.open();
  await turn();
  const chosen = choose(selects[0], "b");
  devices.close();
  await chosen;
  assert.deepEqual(taken, []);
});
