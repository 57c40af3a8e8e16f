/**
 * Takes waiting files through the server, some at a time: sends them, follows their job, and gives each its line of
 * result. What goes wrong with some is theirs alone. Knows no page and no network: both are given to it.
 *
 * @typedef {import("./entries.js").Progressed & {id: number}} Entry
 * @typedef {{granularity: "utterance"|"turn"|"frame", embeddings: boolean, speakers: boolean, every_frame: boolean, roles: string}} Asked
 *   `roles`: "" for all channels as one
 * @typedef {{job_id: string, recordings: number, done: number, failed: number, share?: number, remaining_s: number|null, problem: string|null,
 *   problem_code?: string|null, expires_at: string|null}} Job as `workbench/jobs.py` has it
 * @typedef {{job: Job, results: import("./entries.js").Prediction[], next: string|null}} Page `next`: where to go on; null after the last line of a job that is over
 * @typedef {{most_files: number, most_bytes: number, readable: (entry: any) => Promise<boolean>,
 *   send: (entries: any[], asked: Asked, share: (share: number) => void, signal: AbortSignal) => Promise<Job>,
 *   results: (id: string, after: string|null, granularity: Asked["granularity"]) => Promise<Page>, stop: (id: string) => Promise<void>,
 *   remove: (id: string) => void,
 *   wait: (ms: number, signal: AbortSignal) => Promise<void>}} Server
 */
import { ApiError, failureText } from "../shared/api.js";
import { has, t } from "../shared/i18n.js";
import { batches, conclude, fail, isOver, reset, sentAs } from "./entries.js";

const LOOK_EVERY_MS = 500;
/** While the server does not answer, or is full. */
const AGAIN_MS = 3000;
/** How often in a row a job is asked after in vain before it counts as lost: five minutes. */
const MOST_SILENCE = 100;
/** How often files are sent that a server has lost, which was started anew. */
const MOST_SENDINGS = 3;
/** Nobody answers; the last three are a proxy's words for it. */
const AWAY = new Set(["unreachable", "server.stopping", "http.502", "http.503", "http.504"]);
/** What a server says that is full, or just starting. */
export const FULL = new Set([...AWAY, "server.busy", "server.warming_up", "jobs.full"]);

export class Run {
  #stop = new AbortController();
  /** What keeps it waiting, in the language in force. @type {(() => string)|null} */ trouble = null;
  /** How many files' worth is heard of those at work that are not over. */ under_way = 0;
  /** Of the job at work, null as long as nobody knows. @type {number|null} */ remaining_s = null;

  /** @param {Server} server @param {() => void} changed some entry, or the trouble */
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
  }

  /** @param {Entry[]} waiting @param {Asked} asked @returns {Promise<void>} when all are done or failed, or it was stopped */
  async go(waiting, asked) {
    for (const entry of waiting) entry.granularity = asked.granularity;
    for (const batch of batches(waiting, this.server.most_files, this.server.most_bytes)) {
      for (let sendings = 0, left = batch; left.length && sendings < MOST_SENDINGS && !this.stopped; sendings++) {
        await this.#take(left, asked, sendings === MOST_SENDINGS - 1);
        left = left.filter((entry) => !isOver(entry));
      }
    }
    for (const entry of waiting) if (!isOver(entry)) reset(entry);
    this.#say(null);
  }

  /** Leaves what is not done yet waiting. */
  stop() {
    this.#stop.abort();
  }

  get stopped() {
    return this.#stop.signal.aborted;
  }

  /** Those that are not over after that were lost with their job. @param {Entry[]} batch @param {Asked} asked @param {boolean} last whether it is tried for the last time @returns {Promise<void>} */
  async #take(batch, asked, last) {
    let sent;
    try {
      sent = await this.#send(batch, asked);
    } catch (error) {
      if (this.stopped) return;
      if (batch.length > 1 && error instanceof ApiError && error.code === "upload.too_big") {
        await this.#take(batch.slice(0, batch.length >> 1), asked, last);
        await this.#take(batch.slice(batch.length >> 1), asked, last);
        return;
      }
      this.#fail(batch, error);
      return;
    }
    if (!sent) return;
    const { job, entries } = sent;
    for (const entry of entries) Object.assign(entry, { state: "working", share: null, job: job.job_id });
    this.#say(null);
    try {
      await this.#follow(job.job_id, entries, asked);
    } catch (error) {
      const lost = error instanceof ApiError && error.code === "job.not_found";
      if (!this.stopped && (last || !lost)) this.#fail(entries, error);
    }
    this.#at(null);
    if (this.stopped && !entries.some(isOver)) this.server.remove(job.job_id);
  }

  /** Until the server takes it. @param {Entry[]} batch @param {Asked} asked @returns {Promise<{job: Job, entries: Entry[]}|null>} what it took; null: none of it can be read */
  async #send(batch, asked) {
    for (;;) {
      if (this.stopped) throw new ApiError("stopped", () => "");
      const entries = await this.#readable(batch);
      if (!entries.length) return null;
      for (const entry of entries) Object.assign(entry, { state: "sending", share: 0 });
      try {
        return { job: await this.server.send(entries, asked, (share) => this.#sent(entries, share), this.#stop.signal), entries };
      } catch (error) {
        if (!(error instanceof ApiError) || !FULL.has(error.code)) throw error;
        for (const entry of entries) Object.assign(entry, { state: "waiting", share: null });
        this.#say(failureText(error));
        await this.server.wait(AGAIN_MS, this.#stop.signal);
      }
    }
  }

  /** Files may be deleted or written anew after they were chosen, and browsers call that a lost connection.
   * @param {Entry[]} batch @returns {Promise<Entry[]>} the others; those have failed */
  async #readable(batch) {
    const entries = batch.filter((entry) => !isOver(entry));
    const readable = await Promise.all(entries.map((entry) => this.server.readable(entry)));
    const gone = entries.filter((_, i) => !readable[i]);
    for (const entry of gone) fail(entry, { reason: () => t("work.trouble.unreadable"), remedy: () => t("work.trouble.choose_again"), again: false });
    return entries.filter((_, i) => readable[i]);
  }

  /** Gives every entry its result as it becomes known. @param {string} id of the job @param {Entry[]} batch @param {Asked} asked */
  async #follow(id, batch, { granularity }) {
    const left = new Map(batch.map((entry) => [sentAs(entry), entry]));
    for (let after = /** @type {string|null} */ (null), over = false; ; ) {
      if (this.stopped && !over) {
        await this.server.stop(id); // what is done until then is read, and stays
        over = true;
      }
      const { job, results, next } = await this.#page(id, after, granularity);
      for (const prediction of results) {
        const entry = left.get(prediction.file);
        if (entry) conclude(entry, prediction);
        left.delete(prediction.file);
      }
      if (batch.length === 1 && left.size) batch[0].share = job.share ?? null;
      this.#at(job);
      this.#say(null);
      if (next === null) {
        for (const entry of batch) entry.kept_until = job.expires_at;
        if (!this.stopped) this.#fail([...left.values()], new ApiError(job.problem_code ?? "no_result", () => problemText(job)));
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
        if (!(error instanceof ApiError) || !AWAY.has(error.code) || silent === MOST_SILENCE || this.stopped) throw error;
        this.#say(failureText(error));
        await this.server.wait(AGAIN_MS, this.#stop.signal);
      }
    }
  }

  /** @param {Entry[]} entries @param {number} share */
  #sent(entries, share) {
    for (const entry of entries) entry.share = share;
    this.changed();
  }

  /** @param {Entry[]} batch those of it that have no result @param {unknown} error */
  #fail(batch, error) {
    const again = !(error instanceof ApiError && error.code === "upload.too_big");
    const remedy = () => t(again ? "work.trouble.again" : "work.trouble.too_big");
    for (const entry of batch) if (!isOver(entry)) fail(entry, { reason: failureText(error), remedy, again });
    this.changed();
  }

  /** @param {Job|null} job at work @returns {void} */
  #at(job) {
    this.remaining_s = job?.remaining_s ?? null;
    this.under_way = job?.share === undefined ? 0 : Math.max(0, job.share * job.recordings - job.done - job.failed);
  }

  /** @param {(() => string)|null} trouble */
  #say(trouble) {
    this.trouble = trouble;
    this.changed();
  }
}

/** Why a job ended before its time. @param {Job} job @returns {string} */
function problemText({ problem, problem_code }) {
  if (!problem) return t("work.trouble.no_result");
  const known = `work.trouble.job.${problem_code}`;
  return has(known) ? t(known) : problem;
}
