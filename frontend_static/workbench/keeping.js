/**
 * Takes recordings into the library, some at a time. What goes wrong with some is theirs alone. Knows no page and no
 * network: both are given to it.
 *
 * @typedef {import("./library.js").Kind} Kind
 * @typedef {{name: string, size: number, file: File}} Entry
 * @typedef {{name: string, says: () => string}} Left a recording that is not kept, and why, in the language in force
 * @typedef {{keep: (kind: Kind, entries: any[], signal: AbortSignal) => Promise<{kept: string[], left_out: import("./library.js").Left[]}>,
 *   readable: (entry: any) => Promise<boolean>, wait: (ms: number, signal: AbortSignal) => Promise<void>}} Server
 *   `readable`: whether the file is still there, as it was chosen
 */
import { ApiError, failureText } from "../shared/api.js";
import { t } from "../shared/i18n.js";
import { batches } from "./entries.js";
import { FULL } from "./run.js";
import { sentencesText } from "./words.js";

/** The server hears so many in one request, and no progress is told within one. */
const MOST_FILES = 16;
const MOST_BYTES = 128 * 2 ** 20;
const AGAIN_MS = 3000;

export class Keeping {
  #stop = new AbortController();
  total = 0;
  kept = 0;
  /** @type {Left[]} */ left = [];
  /** What keeps it waiting. @type {(() => string)|null} */ trouble = null;

  /** @param {Server} server @param {() => void} changed how far it is */
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
  }

  /** @param {Kind} kind @param {Entry[]} entries @returns {Promise<void>} when all are kept or left, or it was stopped */
  async go(kind, entries) {
    this.total = entries.length;
    for (const batch of batches(entries, MOST_FILES, MOST_BYTES)) {
      if (!this.stopped) await this.#take(kind, await this.#there(batch));
      this.changed();
    }
  }

  stop() {
    this.#stop.abort();
  }

  get stopped() {
    return this.#stop.signal.aborted;
  }

  /** Recordings that are kept, or are not and why. */
  get done() {
    return this.kept + this.left.length;
  }

  /** A file that has gone would look like a server that has. @param {Entry[]} batch @returns {Promise<Entry[]>} those that can be read */
  async #there(batch) {
    const there = await Promise.all(batch.map((entry) => this.server.readable(entry)));
    this.left.push(...batch.filter((_, i) => !there[i]).map(({ name }) => ({ name, says: () => `${t("work.trouble.unreadable")} ${t("work.trouble.choose_again")}` })));
    return batch.filter((_, i) => there[i]);
  }

  /** @param {Kind} kind @param {Entry[]} batch @returns {Promise<void>} */
  async #take(kind, batch) {
    if (!batch.length) return;
    try {
      const { kept, left_out } = await this.#send(kind, batch);
      this.kept += kept.length;
      this.left.push(...left_out.map(({ file, failure }) => ({ name: file, says: () => sentencesText([failure.reason, failure.remedy]) })));
    } catch (error) {
      if (this.stopped) return;
      if (batch.length > 1 && error instanceof ApiError && error.code === "upload.too_big") {
        await this.#take(kind, batch.slice(0, batch.length >> 1));
        await this.#take(kind, batch.slice(batch.length >> 1));
        return;
      }
      this.left.push(...batch.map(({ name }) => ({ name, says: failureText(error) })));
    }
  }

  /** Until the server has room for it. @param {Kind} kind @param {Entry[]} batch */
  async #send(kind, batch) {
    for (;;) {
      try {
        const answer = await this.server.keep(kind, batch, this.#stop.signal);
        this.trouble = null;
        return answer;
      } catch (error) {
        if (this.stopped || !(error instanceof ApiError) || !FULL.has(error.code)) throw error;
        this.trouble = failureText(error);
        this.changed();
        await this.server.wait(AGAIN_MS, this.#stop.signal);
        if (this.stopped) throw error;
      }
    }
  }
}
