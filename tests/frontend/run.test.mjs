import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../frontend_static/shared/api.js";
import { entryOf } from "../../frontend_static/workbench/entries.js";
import { Run } from "../../frontend_static/workbench/run.js";

const ASKED = { granularity: "utterance", embeddings: false, speakers: false, every_frame: false, roles: "" };
const entries = (...names) => names.map((name, i) => entryOf(i, { size: 10 }, name));
const line = (name, status = "done") => ({ file: name, status });
const refusal = (code) => new ApiError(code, () => code);

/** Answers as it is told to: what `sends` and `pages` hold, one after the other; an ApiError is thrown. */
class Server {
  most_files = 2;
  most_bytes = 1000;
  calls = [];

  constructor({ sends = [], pages = [] }) {
    Object.assign(this, { sends, pages });
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

const page = (results, next = null, problem = null) => ({ job: { problem }, results, next });
const states = (some) => some.map(({ state }) => state);

test("files go in jobs of so many, and each gets its result as it becomes known", async () => {
  const server = new Server({ pages: [page([], "0"), page([line("b", "failed")], "9"), page([line("a")]), page([line("c")])] });
  const some = entries("a", "b", "c");
  const seen = [];
  await new Run(server, () => seen.push(states(some).join())).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "failed", "done"]);
  assert.ok(seen.includes("sending,sending,waiting") && seen.includes("working,failed,waiting"));
  assert.deepEqual(server.calls, ["send a,b", "results j1 null", "wait", "results j1 0", "results j1 9", "send c", "results j6 null"]);
});

test("a server that is full is asked again, and the reader is told why it waits", async () => {
  const server = new Server({ sends: [refusal("jobs.full"), refusal("unreachable")], pages: [page([line("a")])] });
  const told = [];
  const run = new Run(server, () => told.push(run.trouble?.()));
  await run.go(entries("a"), ASKED);
  assert.ok(told.includes("jobs.full") && told.includes("unreachable"));
  assert.equal(run.trouble, null);
  assert.equal(server.calls.filter((call) => call === "wait").length, 2);
});

test("too much at once goes in halves, and only what is too much by itself fails", async () => {
  const server = new Server({ sends: [refusal("upload.too_big"), refusal("upload.too_big")], pages: [page([line("b")])] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["failed", "done"]);
  assert.equal(some[0].trouble.reason(), "upload.too_big");
});

test("what the server refuses for another reason is not sent piece by piece", async () => {
  const server = new Server({ sends: [refusal("request.invalid")] });
  const some = entries("a", "b");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual([states(some), server.calls], [["failed", "failed"], ["send a,b"]]);
});

test("a job that fails as a whole spoils neither what it had done nor the next one", async () => {
  const server = new Server({ pages: [page([line("a")], null, "the disk is full"), page([line("c")])] });
  const some = entries("a", "b", "c");
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "failed", "done"]);
  assert.equal(some[1].trouble.reason(), "the disk is full");
});

test("a connection that is lost for a while costs nothing, and a job that is gone is said to be", async () => {
  const server = new Server({ pages: [refusal("unreachable"), refusal("unreachable"), page([line("a")]), refusal("job.not_found")] });
  const some = entries("a", "b", "c");
  server.most_files = 1;
  server.pages.splice(4, 0, page([line("c")]));
  await new Run(server, () => {}).go(some, ASKED);
  assert.deepEqual(states(some), ["done", "failed", "done"]);
});

test("what is stopped waits again, and the server gives its job up", async () => {
  const some = entries("a", "b", "c");
  const server = new Server({ pages: [page([line("a")], "5"), () => (run.stop(), page([], "5"))] });
  const run = new Run(server, () => {});
  await run.go(some, ASKED);
  assert.deepEqual(states(some), ["done", "waiting", "waiting"]);
  assert.equal(server.calls.at(-1), "remove j1");
});
