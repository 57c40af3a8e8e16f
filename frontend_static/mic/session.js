/**
 * Keeps a call of the microphone going: opens it, opens another one when the connection is lost, ends it in order.
 *
 * @typedef {import("./line.js").Path} Path
 * @typedef {{phase: "connecting"} | {phase: "live", path: Path, why: string|null} | {phase: "lost", retry_at_ms: number|null}
 *   | {phase: "over"}} Status `retry_at_ms`: null while it is being tried
 * @typedef {{event: (event: any) => void, status: (status: Status) => void}} SessionHandlers
 */
import { delay_ms } from "../shared/feed.js";
import { openLine } from "./line.js";

/** Ends that say nothing against another try. */
const PASSING = ["server.stopping", "server.failed", "client.disconnected"];
/** `call.ended` must have come by then, else the connection is given up. */
const ENDED_WITHIN_MS = 4000;

export class Session {
  /** @type {Awaited<ReturnType<typeof openLine>>["call"]|null} */ #call = null;
  #attempts = 0;
  #timer = 0;
  #stopping = false;

  /** @param {MediaStream} stream @param {SessionHandlers} on */
  constructor(stream, on) {
    this.stream = stream;
    this.on = on;
  }

  /** The first connection. Rejects with a LineError. */
  async start() {
    this.on.status({ phase: "connecting" });
    await this.#connect();
  }

  /** Tries again now. Does nothing while connected. */
  async retry() {
    if (this.#call || this.#stopping) return;
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
    this.stream = stream;
    await this.#call?.setStream(stream);
  }

  /** Ends the call; `status` says when it is over. */
  stop() {
    this.#stopping = true;
    clearTimeout(this.#timer);
    if (!this.#call) return this.on.status({ phase: "over" });
    this.#call.finish();
    this.#timer = setTimeout(() => this.#over(), ENDED_WITHIN_MS);
  }

  /** Lets go at once, as when the page is closed. */
  close() {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#call?.close();
  }

  async #connect() {
    const { call, path, why } = await openLine(this.stream, { event: (event) => this.#heard(event), lost: () => this.#lost() });
    this.#call = call;
    this.#attempts = 0;
    if (this.#stopping) return this.stop();
    this.on.status({ phase: "live", path, why });
    await call.setStream(this.stream); // Another device may have been chosen meanwhile.
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
    this.#call?.close();
    this.#call = null;
    this.#again();
  }

  #again() {
    if (this.#stopping) return;
    this.#attempts += 1;
    const wait_ms = delay_ms(this.#attempts, Math.random());
    this.on.status({ phase: "lost", retry_at_ms: Date.now() + wait_ms });
    this.#timer = setTimeout(() => this.retry(), wait_ms);
  }

  #over() {
    clearTimeout(this.#timer);
    this.#stopping = true;
    this.#call?.close();
    this.#call = null;
    this.on.status({ phase: "over" });
  }
}
