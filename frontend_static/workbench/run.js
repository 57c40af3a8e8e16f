/**
 * Takes waiting files through the server, some at a time: sends them, follows their job, and gives each its line of
 * result. What goes wrong with some is theirs alone. Knows no page and no network: both are given to it.
 *
 * @typedef {import("./entries.js").Progressed} Entry
 * @typedef {{granularity: "utterance"|"turn"|"frame", embeddings: boolean, speakers: boolean, every_frame: boolean, roles: string}} Asked
 *   `roles`: "" for all channels as one
 * @typedef {{job_id: string, problem: string|null, expires_at: string|null}} Job as `workbench/jobs.py` has it
 * @typedef {{job: Job, results: import("./entries.js").Prediction[], next: string|null}} Page `next`: where to go on; null after the last line of a job that is over
 * @typedef {{most_files: number, most_bytes: number, send: (entries: any[], asked: Asked, share: (share: number) => void, signal: AbortSignal) => Promise<Job>,
 *   results: (id: string, after: string|null, granularity: Asked["granularity"]) => Promise<Page>, remove: (id: string) => void,
 *   wait: (ms: number, signal: AbortSignal) => Promise<void>}} Server
 */
import { ApiError, failureText } from "../shared/api.js";
import { t } from "../shared/i18n.js";
import { batches, conclude, fail, reset } from "./entries.js";

const LOOK_EVERY_MS = 500;
/** While the server does not answer, or is full. */
const AGAIN_MS = 3000;
/** How often in a row a job is asked after in vain before it counts as lost: five minutes. */
const MOST_SILENCE = 100;
/** What a server says that is full, or just starting. */
export const FULL = new Set(["server.busy", "server.warming_up", "jobs.full", "unreachable"]);

export class Run {
  #stop = new AbortController();
  /** What keeps it waiting, in the language in force. @type {(() => string)|null} */ trouble = null;

  /** @param {Server} server @param {() => void} changed some entry, or the trouble */
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
  }

  /** @param {Entry[]} waiting @param {Asked} asked @returns {Promise<void>} when all are done or failed, or it was stopped */
  async go(waiting, asked) {
    for (const entry of waiting) entry.granularity = asked.granularity;
    for (const batch of batches(waiting, this.server.most_files, this.server.most_bytes)) {
      if (!this.stopped) await this.#take(batch, asked);
    }
    for (const entry of waiting) if (entry.state === "sending" || entry.state === "working") reset(entry);
    this.#say(null);
  }

  /** Leaves what is not done yet waiting. */
  stop() {
    this.#stop.abort();
  }

  get stopped() {
    return this.#stop.signal.aborted;
  }

  /** @param {Entry[]} batch @param {Asked} asked @returns {Promise<void>} */
  async #take(batch, asked) {
    let job;
    try {
      job = await this.#send(batch, asked);
    } catch (error) {
      if (this.stopped) return;
      if (batch.length > 1 && error instanceof ApiError && error.code === "upload.too_big") {
        await this.#take(batch.slice(0, batch.length >> 1), asked);
        await this.#take(batch.slice(batch.length >> 1), asked);
        return;
      }
      this.#fail(batch, failureText(error));
      return;
    }
    for (const entry of batch) Object.assign(entry, { state: "working", share: null, job: job.job_id });
    this.#say(null);
    try {
      await this.#follow(job.job_id, batch, asked);
    } catch (error) {
      if (!this.stopped) this.#fail(batch, failureText(error));
    }
    if (this.stopped) this.server.remove(job.job_id);
  }

  /** Until the server takes it. @param {Entry[]} batch @param {Asked} asked @returns {Promise<Job>} */
  async #send(batch, asked) {
    for (;;) {
      if (this.stopped) throw new ApiError("stopped", () => "");
      for (const entry of batch) Object.assign(entry, { state: "sending", share: 0 });
      try {
        return await this.server.send(batch, asked, (share) => this.#sent(batch, share), this.#stop.signal);
      } catch (error) {
        if (!(error instanceof ApiError) || !FULL.has(error.code)) throw error;
        for (const entry of batch) Object.assign(entry, { state: "waiting", share: null });
        this.#say(failureText(error));
        await this.server.wait(AGAIN_MS, this.#stop.signal);
      }
    }
  }

  /** Gives every entry its result as it becomes known. @param {string} id of the job @param {Entry[]} batch @param {Asked} asked */
  async #follow(id, batch, { granularity }) {
    const left = new Map(batch.map((entry) => [entry.name, entry]));
    for (let after = /** @type {string|null} */ (null); ; ) {
      const { job, results, next } = await this.#page(id, after, granularity);
      if (this.stopped) return;
      for (const prediction of results) {
        const entry = left.get(prediction.file);
        if (entry) conclude(entry, prediction);
        left.delete(prediction.file);
      }
      this.#say(null);
      if (next === null) {
        for (const entry of batch) entry.kept_until = job.expires_at;
        this.#fail([...left.values()], () => job.problem ?? t("work.trouble.no_result"));
        return;
      }
      after = next;
      if (!results.length) await this.server.wait(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  /** The next lines of result, asked for again while the server does not answer. @param {string} id @param {string|null} after @param {Asked["granularity"]} granularity @returns {Promise<Page>} */
  async #page(id, after, granularity) {
    for (let silent = 0; ; silent++) {
      try {
        return await this.server.results(id, after, granularity);
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "unreachable" || silent === MOST_SILENCE || this.stopped) throw error;
        this.#say(failureText(error));
        await this.server.wait(AGAIN_MS, this.#stop.signal);
      }
    }
  }

  /** @param {Entry[]} batch @param {number} share */
  #sent(batch, share) {
    for (const entry of batch) entry.share = share;
    this.changed();
  }

  /** @param {Entry[]} batch those of it that have no result @param {() => string} reason */
  #fail(batch, reason) {
    for (const entry of batch) {
      if (entry.state !== "done" && entry.state !== "failed") fail(entry, { reason, remedy: () => t("work.trouble.again") });
    }
    this.changed();
  }

  /** @param {(() => string)|null} trouble */
  #say(trouble) {
    this.trouble = trouble;
    this.changed();
  }
}
