/**
 * The events socket, kept open: reconnects with exponential backoff and resumes after the last event seen.
 *
 * @typedef {{phase: "connecting"|"open"|"waiting", retry_at_ms: number|null, attempts: number}} FeedStatus
 */
import { socketUrl } from "./api.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** A socket that did not open by then is given up. */
const OPEN_WITHIN_MS = 8000;
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
    };
    socket.onmessage = (message) => this.#received(JSON.parse(message.data));
    socket.onclose = () => this.#lost(socket);
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
    socket.onclose = socket.onmessage = socket.onopen = null;
    socket.close();
    this.#socket = null;
    this.#attempts += 1;
    const wait_ms = delay_ms(this.#attempts, Math.random());
    this.on.status({ phase: "waiting", retry_at_ms: Date.now() + wait_ms, attempts: this.#attempts });
    this.#timer = setTimeout(() => this.connect(), wait_ms);
  }
}
