/**
 * The events socket, kept open: reconnects with exponential backoff and resumes after the last event seen. A network that
 * goes away may close nothing: where nothing comes, the server is asked whether it is there.
 *
 * @typedef {{phase: "connecting"|"open"|"waiting", retry_at_ms: number|null, attempts: number}} FeedStatus
 */
import { answers, socketUrl } from "./api.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** A socket that did not open by then is given up. */
const OPEN_WITHIN_MS = 8000;
/** After so long without an event the server is asked; it must have answered in this time. */
const QUIET_MS = 3000;
const ANSWER_WITHIN_MS = 3000;
/** Failed attempts after which the place to resume from is dropped: the server may no longer know it. */
const RESUME_ATTEMPTS = 2;

/** @param {number} attempts failed so far @param {number} chance in [0, 1) @returns {number} */
export function delay_ms(attempts, chance) {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
  return full * (0.75 + chance / 4);
}

export class Feed {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {string|null} */ #lastId = null;
  #attempts = 0;
  #timer = 0;
  #quiet = 0;

  /** @param {{events: (events: any[]) => void, status: (status: FeedStatus) => void}} on */
  constructor(on) {
    this.on = on;
  }

  /** Connects now, also when a later attempt was planned. Does nothing while connected. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    const after = this.#attempts <= RESUME_ATTEMPTS ? this.#lastId : null;
    const socket = new WebSocket(socketUrl("/v1/events", after ? { after } : {}));
    this.#socket = socket;
    this.on.status({ phase: "connecting", retry_at_ms: null, attempts: this.#attempts });
    this.#timer = setTimeout(() => this.#lost(socket), OPEN_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#attempts = 0;
      this.on.status({ phase: "open", retry_at_ms: null, attempts: 0 });
      this.#heard(socket);
    };
    socket.onmessage = (message) => {
      this.#heard(socket);
      this.#received(JSON.parse(message.data));
    };
    socket.onclose = () => this.#lost(socket);
  }

  /** Finds out now whether the server is still there. */
  async check() {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    const there = await answers(ANSWER_WITHIN_MS);
    if (this.#socket !== socket) return;
    if (there) this.#heard(socket);
    else this.#lost(socket);
  }

  /** @param {WebSocket} socket */
  #heard(socket) {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#socket === socket && this.check(), QUIET_MS);
  }

  /** @param {any[]} events */
  #received(events) {
    const last = events.findLast((event) => event.call_id && Number.isInteger(event.seq));
    if (last) this.#lastId = `${last.call_id}:${last.seq}`;
    this.on.events(events);
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (this.#socket !== socket) return;
    clearTimeout(this.#timer);
    clearTimeout(this.#quiet);
    socket.onclose = socket.onmessage = socket.onopen = null;
    socket.close();
    this.#socket = null;
    this.#attempts += 1;
    const wait_ms = delay_ms(this.#attempts, Math.random());
    this.on.status({ phase: "waiting", retry_at_ms: Date.now() + wait_ms, attempts: this.#attempts });
    this.#timer = setTimeout(() => this.connect(), wait_ms);
  }
}
