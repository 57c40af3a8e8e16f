/**
 * Keeps a call of the microphone going: opens it, opens another one when the connection is lost, ends it in order.
 *
 * @typedef {import("./line.js").Path} Path
 * @typedef {{phase: "connecting"} | {phase: "live", path: Path, why: string|null} | {phase: "lost", retry_at_ms: number|null}
 *   | {phase: "over"}} Status `retry_at_ms`: null while it is being tried
 * @typedef {{event: (event: any) => void, behind: () => void, status: (status: Status) => void}} SessionHandlers `behind`: some
 *   audio was left out
 */
import { delay_ms } from "../shared/feed.js";
import { openLine } from "./line.js";

/** Ends that say nothing against another try. */
const PASSING = ["server.stopping", "server.failed", "client.disconnected"];
/** `call.ended` must have come by then, else the connection is given up. */
const ENDED_WITHIN_MS = 4000;

export class Session {
  /** @type {object|null} The one connection that is made or used; whatever another one still says is not heard. */ #attempt = null;
  /** @type {import("./line.js").Line["call"]|null} */ #call = null;
  /** @type {string|null} What kept WebRTC from being used; it is not tried again. */ #why = null;
  #attempts = 0;
  #timer = 0;
  #stopping = false;

  /** @param {MediaStream} stream @param {SessionHandlers} on @param {typeof openLine} open */
  constructor(stream, on, open = openLine) {
    this.stream = stream;
    this.on = on;
    this.open = open;
  }

  /** The first connection. Rejects with a LineError, unless it was stopped meanwhile. */
  async start() {
    this.on.status({ phase: "connecting" });
    await this.#connect();
  }

  /** Tries again now. Does nothing while connected or connecting. */
  async retry() {
    if (this.#attempt || this.#stopping) return;
    clearTimeout(this.#timer);
    this.on.status({ phase: "lost", retry_at_ms: null });
    try {
      await this.#connect();
    } catch {
      this.#again();
    }
  }

  /** @param {MediaStream} stream from another device */
  async setStream(stream) {
    await this.#call?.setStream(stream);
    this.stream = stream;
  }

  /** Ends the call; `status` says when it is over. */
  stop() {
    this.#stopping = true;
    clearTimeout(this.#timer);
    if (!this.#call) return this.#over();
    this.#call.finish();
    this.#timer = setTimeout(() => this.#over(), ENDED_WITHIN_MS);
  }

  /** Lets go at once, as when the page is closed. Nothing is told any more. */
  close() {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#release();
  }

  async #connect() {
    const attempt = (this.#attempt = {});
    const current = () => this.#attempt === attempt;
    const { stream } = this;
    try {
      const { call, path, why } = await this.open(stream, {
        event: (event) => current() && this.#heard(event),
        behind: () => current() && this.on.behind(),
        lost: () => current() && this.#lost(),
      }, this.#why);
      if (!current()) return call.close(); // Stopped meanwhile, or lost at once.
      [this.#call, this.#why, this.#attempts] = [call, why, 0];
      this.on.status({ phase: "live", path, why });
      if (this.stream !== stream) await call.setStream(this.stream); // Another device was chosen meanwhile.
    } catch (error) {
      if (!current()) return;
      this.#release();
      throw error;
    }
  }

  /** @param {any} event */
  #heard(event) {
    this.on.event(event);
    if (event.type !== "call.ended") return;
    if (!this.#stopping && PASSING.includes(event.reason)) this.#lost();
    else this.#over();
  }

  #lost() {
    if (this.#stopping) return this.#over();
    this.#release();
    this.#again();
  }

  #again() {
    this.#attempts += 1;
    const wait_ms = delay_ms(this.#attempts, Math.random());
    this.on.status({ phase: "lost", retry_at_ms: Date.now() + wait_ms });
    this.#timer = setTimeout(() => this.retry(), wait_ms);
  }

  #over() {
    this.close();
    this.on.status({ phase: "over" });
  }

  /** The connection is no longer ours. */
  #release() {
    const call = this.#call;
    this.#attempt = this.#call = null;
    call?.close();
  }
}
