import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../frontend_static/shared/api.js";
import { entryOf } from "../../frontend_static/workbench/entries.js";
import { Run } from "../../frontend_static/workbench/run.js";

const ASKED = { granularity: "utterance", embeddings: false, speakers: false, every_frame: false, roles: "" };
const entries = (...names) => names.map((name, i) => entryOf(i, { size: 10 }, name));
/** A line of result by the name that a file was sent by: its place among the entries. */
const line = (number, status = "done") => ({ file: String(number), status });
const refusal = (code) => new ApiError(code, () => code);

/** Answers as it is told to: what `sends` and `pages` hold, one after the other; an ApiError is thrown. */
class Server {
  most_files = 2;
  most_bytes = 1000;
  calls = [];

  constructor({ sends = [], pages = [], unreadable = [] }) {
    Object.assign(this, { sends, pages, unreadable });
  }

  async readable({ name }) {
    return !this.unreadable.includes(name);
  }

  async send(some, asked, share) {
    this.calls.push(`send ${some.map(({ name }) => name)}`);
    share(0.5);
    return this.#answer(this.sends.shift() ?? { job_id: `j${this.calls.length}`, problem: null });
  }

  async results(id, after) {
    this.calls.push(`results ${id} ${after}`);
    return this.#answer(this.pages.shift());
  }

  async stop(id) {
    this.calls.push(`stop ${id}`);
  }

  remove(id) {
    this.calls.push(`remove ${id}`);
  }

  async wait() {
    this.calls.push("wait");
  }

  #answer(what) {
    const said = typeof what === "function" ? what() : what;
    if (said instanceof Error) throw said;
    return said;
  }
}

const page = (results, next = null, job = {}) => ({ job: { problem: null, expires_at: "2026-03-02T14:00:00Z", ...job }, results, next });
const states = (some) => some.map(({ state }) => state);

test("files go in jobs of so many, and each gets its result as it becomes known", async () => {
  const server = new Server({ pages: [page([], "0"), page([line(1, "failed")], "9"), page([line(0)]), page([line(2)])] });
  const some = entries("a", "b", "c");
  const seen = [];
  await new Run(server, () => seen.push(states(some).join())).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "failed", "done"]);
  assert.ok(seen.includes("sending,sending,waiting") && seen.includes("working,failed,waiting"));
  assert.deepEqual(server.calls, ["send a,b", "results j1 null", "wait", "results j1 0", "results j1 9", "send c", "results j6 null"]);
});

test("a server that is full is asked again, and the reader is told why it waits", async () => {
  const server = new Server({ sends: [refusal("jobs.full"), refusal("unreachable")], pages: [page([line(0)])] });
  const told = [];
  const run = new Run(server, () => told.push(run.trouble?.()));
  await run.go(entries("a"), ASKED);
  assert.ok(told.includes("jobs.full") && told.includes("unreachable"));
  assert.equal(run.trouble, null);
  assert.equal(server.calls.filter((call) => call === "wait").length, 2);
});

test("too much at once goes in halves, and only what is too much by itself fails", async () => {
  const server = new Server({ sends: [refusal("upload.too_big"), refusal("upload.too_big")], pages: [page([line(1)])] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["failed", "done"]);
  assert.deepEqual([some[0].trouble.reason(), some[0].trouble.again], ["upload.too_big", false]);
});

test("what the server refuses for another reason is not sent piece by piece", async () => {
  const server = new Server({ sends: [refusal("request.invalid")] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([states(some), server.calls], [["failed", "failed"], ["send a,b"]]);
});

test("a job that fails as a whole spoils neither what it had done nor the next one", async () => {
  const server = new Server({ pages: [page([line(0)], null, { problem: "no space left", problem_code: "disk" }), page([line(2)])] });
  const some = entries("a", "b", "c");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "failed", "done"]);
  assert.match(some[1].trouble.reason(), /the server's disk is full/);
});

test("what a job that ended early says without a code is shown as it came", async () => {
  const server = new Server({ pages: [page([], null, { problem: "all is lost" })] });
  const some = entries("a");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([some[0].trouble.reason(), some[0].trouble.again], ["all is lost", true]);
});

test("a connection that is lost for a while costs nothing, nor does a proxy that says so", async () => {
  const server = new Server({ pages: [refusal("unreachable"), refusal("http.502"), refusal("server.stopping"), page([line(0)])] });
  const some = entries("a");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([states(some), server.calls.filter((call) => call === "wait").length], [["done"], 3]);
});

test("what a server has lost that was started anew is sent once more, without what was done", async () => {
  const server = new Server({ pages: [page([line(0)], "9"), refusal("job.not_found"), page([line(1)])] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "done"]);
  assert.deepEqual(server.calls.filter((call) => call.startsWith("send")), ["send a,b", "send b"]);
});

test("a server that loses it again and again is said to, and the next ones go on", async () => {
  const server = new Server({ pages: [...Array(3).fill(refusal("job.not_found")), page([line(1)])] });
  server.most_files = 1;
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([states(some), some[0].trouble.reason()], [["failed", "done"], "job.not_found"]);
});

test("a file that was deleted after it was chosen fails alone, and is not tried again by itself", async () => {
  const server = new Server({ unreadable: ["b"], pages: [page([line(0)])] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([states(some), some[1].trouble.again], [["done", "failed"], false]);
  assert.deepEqual(server.calls[0], "send a");
});

test("one recording shows how much of it is heard, several how far they are together", async () => {
  const heard = (share, more = {}) => ({ share, recordings: 2, done: 0, failed: 0, remaining_s: 40, ...more });
  const server = new Server({ pages: [page([], "0", heard(0.25)), page([line(0)], "9", heard(0.75, { done: 1 })), page([line(1)], null, heard(1, { done: 2 })),
    page([], "0", heard(0.4, { recordings: 1 })), page([line(2)])] });
  const some = entries("a", "b", "c");
  const seen = new Set();
  const run = new Run(server, () => seen.add([run.under_way, run.remaining_s, some[2].share].join()));
  await run.go(some, ASKED);
  assert.ok(["0.5,40,", "0.4,40,0.4"].every((each) => seen.has(each)), [...seen].join(" "));
  assert.deepEqual([run.under_way, run.remaining_s], [0, null]);
});

test("what is stopped waits again, and what was done until then is read and kept", async () => {
  const some = entries("a", "b", "c");
  const server = new Server({ pages: [page([line(0)], "5"), () => (run.stop(), page([], "5")), page([line(1)])] });
  server.most_files = 3;
  const run = new Run(server, () => {});
  await run.go(some, ASKED);
  assert.deepEqual(states(some), ["done", "done", "waiting"]);
  assert.deepEqual(server.calls.slice(-3), ["wait", "stop j1", "results j1 5"]);
  assert.deepEqual([some[0].job, some[2].job], ["j1", null]);
});

test("a job of which nothing is done when it is stopped is deleted", async () => {
  const some = entries("a");
  const server = new Server({ pages: [() => (run.stop(), page([], "0")), page([])] });
  const run = new Run(server, () => {});
  await run.go(some, ASKED);
  assert.deepEqual([states(some), server.calls.at(-1)], [["waiting"], "remove j1"]);
});
