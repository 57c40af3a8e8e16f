import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../frontend_static/shared/api.js";
import { Keeping } from "../../frontend_static/workbench/keeping.js";
import { fit, moved, nearest, next, revealed, shown, zoomed } from "../../frontend_static/workbench/mapping.js";
import { folders, lost, matching, pageOf } from "../../frontend_static/workbench/names.js";
import { groupsCsv } from "../../frontend_static/workbench/rows.js";
import { groupSymbol } from "../../frontend_static/workbench/symbols.js";

const SIZE = { width: 400, height: 300 };
const entries = (count, size = 10) => Array.from({ length: count }, (_, i) => ({ name: `${i}.wav`, size, file: null }));
const all = async (kind, batch) => ({ kept: batch.map(({ name }) => name), left_out: [] });

/** @returns {Promise<{keeping: Keeping, sent: number[], waits: number}>} what came of keeping so many, by what the server does with each portion */
async function kept(count, answer, size = 10, gone = "") {
  const sent = [];
  let waits = 0;
  const keep = (kind, batch, signal) => {
    sent.push(batch.length);
    return answer(kind, batch, signal, sent.length);
  };
  const readable = async ({ name }) => name !== gone;
  const keeping = new Keeping({ keep, readable, wait: async () => void (waits += 1) }, () => {});
  await keeping.go("emotion", entries(count, size));
  return { keeping, sent, waits };
}

test("recordings are kept in portions, and what is kept adds up", async () => {
  const { keeping, sent } = await kept(40, all);
  assert.deepEqual(sent, [16, 16, 8]);
  assert.deepEqual([keeping.kept, keeping.done, keeping.left], [40, 40, []]);
});

test("large recordings go in smaller portions", async () => {
  assert.deepEqual((await kept(3, all, 100 * 2 ** 20)).sent, [1, 1, 1]);
});

test("each recording that is left out has its reason, and so has a portion that was refused", async () => {
  const sentence = (text) => ({ key: "none", text, values: {} });
  const { keeping } = await kept(20, async (kind, batch, signal, times) => {
    if (times === 2) throw new ApiError("server.failed", () => "broke");
    return { kept: batch.slice(1).map(({ name }) => name), left_out: [{ file: batch[0].name, failure: { reason: sentence("Silent."), remedy: sentence("Again.") } }] };
  });
  assert.equal(keeping.kept, 15);
  assert.deepEqual(keeping.left.map(({ name, says }) => `${name} ${says()}`), ["0.wav Silent. Again.", "16.wav broke", "17.wav broke", "18.wav broke", "19.wav broke"]);
});

test("a server that is full is waited for, and a portion that is too big is halved", async () => {
  const full = await kept(2, async (kind, batch, signal, times) => {
    if (times < 3) throw new ApiError("jobs.full", () => "full");
    return all(kind, batch);
  });
  assert.deepEqual([full.sent, full.waits, full.keeping.kept, full.keeping.trouble], [[2, 2, 2], 2, 2, null]);
  const big = await kept(4, async (kind, batch) => {
    if (batch.length > 1) throw new ApiError("upload.too_big", () => "big");
    return all(kind, batch);
  });
  assert.deepEqual([big.sent, big.keeping.kept], [[4, 2, 1, 1, 2, 1, 1], 4]);
});

test("a file that has gone since it was chosen is left out alone, and what it leaves of a portion is sent", async () => {
  const two = await kept(2, all, 10, "1.wav");
  assert.deepEqual([two.sent, two.keeping.kept, two.keeping.left.map(({ name }) => name)], [[1], 1, ["1.wav"]]);
  assert.deepEqual((await kept(1, all, 10, "0.wav")).sent, []);
});

test("what is stopped leaves the rest as it was, without a reason", async () => {
  const keeping = new Keeping({ keep: async () => {
    keeping.stop();
    throw new ApiError("stopped", () => "");
  }, readable: async () => true, wait: async () => {} }, () => {});
  await keeping.go("speaker", entries(40));
  assert.deepEqual([keeping.kept, keeping.left], [0, []]);
});

test("names are found by a part of them and by folder, and folders have those above", () => {
  const names = ["a/b/One.wav", "a/c/two.wav", "ab/three.wav", "four.wav"];
  assert.deepEqual(folders(names), ["a", "a/b", "a/c", "ab"]);
  assert.deepEqual(matching(names, { text: "ONE", folder: "" }), ["a/b/One.wav"]);
  assert.deepEqual(matching(names, { text: "", folder: "a" }), ["a/b/One.wav", "a/c/two.wav"]);
  assert.deepEqual([lost(["a"], ["b", "a"]), lost(["a", "b"], ["b"])], [false, true]);
  assert.deepEqual([0, 99, 100, -1].map((at) => pageOf(at, 100)), [0, 0, 100, 0]);
});

test("the map shows all points, distances alike in each direction, y up", () => {
  const points = [{ x: -1, y: 0 }, { x: 1, y: 0 }, { x: 0, y: 0.5 }];
  const view = fit(points, SIZE);
  const [left, right, top] = points.map((point) => shown(view, SIZE, point));
  assert.ok(left.x > 0 && right.x < SIZE.width && top.y > 0 && top.y < left.y);
  assert.ok(Math.abs((right.x - left.x) / 2 - (left.y - top.y) / 0.5) < 1e-9);
});

test("a map of points in one place, or of none, can be shown", () => {
  for (const points of [[{ x: 0.3, y: 0.3 }, { x: 0.3, y: 0.3 }], []]) {
    const place = shown(fit(points, SIZE), SIZE, points[0] ?? { x: 0, y: 0 });
    assert.deepEqual([Math.round(place.x), Math.round(place.y)], [200, 150]);
  }
});

test("zooming keeps what the pointer is on, and ends at the whole", () => {
  const whole = fit([{ x: -1, y: -1 }, { x: 1, y: 1 }], SIZE);
  const at = { x: 300, y: 80 };
  const point = { x: whole.x + (at.x - 200) / whole.scale, y: whole.y - (at.y - 150) / whole.scale };
  const near = zoomed(whole, SIZE, 3, at, whole);
  const place = shown(near, SIZE, point);
  assert.ok(Math.abs(place.x - at.x) < 1e-9 && Math.abs(place.y - at.y) < 1e-9);
  assert.equal(zoomed(near, SIZE, 0.01, at, whole), whole);
  assert.equal(zoomed(whole, SIZE, 1e9, at, whole).scale, whole.scale * 40);
});

test("moving the map moves its points as far as the pointer, and a point out of sight is brought back", () => {
  const view = { scale: 100, x: 0, y: 0 };
  const before = shown(view, SIZE, { x: 0.5, y: 0.5 });
  const after = shown(moved(view, 30, -20), SIZE, { x: 0.5, y: 0.5 });
  assert.deepEqual([Math.round(after.x - before.x), Math.round(after.y - before.y)], [30, -20]);
  assert.equal(revealed(view, SIZE, { x: 0.5, y: 0.5 }), view);
  const far = revealed(view, SIZE, { x: 9, y: 9 });
  assert.deepEqual(shown(far, SIZE, { x: 9, y: 9 }), { x: 200, y: 150 });
});

test("the nearest point is pointed at, if it is near enough", () => {
  const places = [{ x: 0, y: 0 }, { x: 10, y: 0 }];
  assert.deepEqual([nearest(places, { x: 7, y: 0 }, 5), nearest(places, { x: 50, y: 0 }, 5), nearest([], { x: 0, y: 0 }, 5)], [1, -1, -1]);
});

test("an arrow key goes to the next point that way, and stays where there is none", () => {
  const places = [{ x: 0, y: 0 }, { x: 10, y: 2 }, { x: 20, y: 0 }, { x: 10, y: 30 }];
  assert.deepEqual([next(places, -1, "right"), next(places, 0, "right"), next(places, 1, "right"), next(places, 2, "right")], [0, 1, 2, 2]);
  assert.deepEqual([next(places, 2, "left"), next(places, 0, "down"), next(places, 3, "up")], [1, 1, 1]);
  assert.equal(next([], -1, "left"), -1);
});

test("points in one place are all come by", () => {
  const places = [{ x: 5, y: 5 }, { x: 5, y: 5 }, { x: 5, y: 5 }, { x: 9, y: 5 }];
  const way = [0];
  for (let i = 0; i < 3; i++) way.push(next(places, way.at(-1), "right"));
  assert.deepEqual(way, [0, 1, 2, 3]);
});

test("no two of twenty groups look alike, even without colour most differ, and none is like being in no group", () => {
  const looks = Array.from({ length: 21 }, (_, i) => groupSymbol(i - 1)).map(({ shape, colour }) => `${shape} ${colour}`);
  assert.equal(new Set(looks).size, 21);
  assert.equal(new Set(Array.from({ length: 8 }, (_, i) => groupSymbol(i).shape)).size, 8);
});

test("groups go as a table", () => {
  const item = { source: 'a,"b".wav', start_s: null, end_s: null, group: -1, label: "angry", x: 0.5, y: -1 };
  assert.equal(groupsCsv([item]), 'source,start_s,end_s,group,label,x,y\n"a,""b"".wav",,,-1,angry,0.5,-1\n');
});
