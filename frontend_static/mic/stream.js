/**
 * Plays a decoded recording to the server as a live call: 100 ms messages, paced by the clock.
 *
 * @typedef {import("./recording.js").Layout} Layout
 * @typedef {{event: (event: any) => void, progress: (sent_s: number) => void,
 *   ended: (problem: (() => string)|null) => void}} StreamHandlers `ended` comes once; `problem`: what went wrong, in the
 *   language in force
 */
import { socketUrl } from "../shared/api.js";
import { noticeText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { pcm, RATE_HZ, wireLayout } from "./recording.js";

const MESSAGE_MS = 100;
const MESSAGE_FRAMES = (RATE_HZ * MESSAGE_MS) / 1000;
/** Beyond this the server is slower than real time: sending waits. */
const MOST_BUFFERED_BYTES = 256 * 1024;

export class RecordingStream {
  /** @type {WebSocket} */ #socket;
  /** @type {Float32Array[]} */ #channels;
  /** @type {Layout} */ #layout;
  /** @type {StreamHandlers} */ #on;
  #start_ms = 0;
  #sent = 0;
  #timer = 0;
  #over = false;
  #stopped = false;
  /** @type {(() => string)|null} */ #problem = null;

  /** @param {AudioBuffer} audio @param {Layout} layout @param {Record<string, string>} tags @param {StreamHandlers} on */
  constructor(audio, layout, tags, on) {
    this.#channels = Array.from({ length: audio.numberOfChannels }, (_, c) => audio.getChannelData(c));
    this.#layout = layout;
    this.#on = on;
    const { channels, roles } = wireLayout(layout);
    const query = { encoding: "pcm_s16le", sample_rate: RATE_HZ, channels, ...(roles ? { roles } : {}) };
    const socket = new WebSocket(socketUrl("/v1/stream", query));
    this.#socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "configure", tags }));
      this.#start_ms = performance.now();
      this.#send();
    };
    socket.onmessage = (message) => this.#received(JSON.parse(message.data));
    socket.onclose = (event) => this.#closed(event);
  }

  /** Ends the call in good order with what was sent so far. */
  stop() {
    this.#stopped = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#finish();
    else this.#socket.close();
  }

  /** Sends every message that is due by the clock, then waits for the next. A late timer is made up for. */
  #send() {
    if (this.#over) return;
    if (this.#socket.bufferedAmount > MOST_BUFFERED_BYTES) this.#start_ms += MESSAGE_MS;
    const due = Math.floor((performance.now() - this.#start_ms) / MESSAGE_MS) + 1;
    const total = this.#channels[0].length;
    while (this.#sent < due && this.#sent * MESSAGE_FRAMES < total) {
      const from = this.#sent * MESSAGE_FRAMES;
      this.#socket.send(/** @type {any} */ (pcm(this.#channels, this.#layout, from, from + MESSAGE_FRAMES)));
      this.#sent += 1;
    }
    this.#on.progress(Math.min(this.#sent * MESSAGE_FRAMES, total) / RATE_HZ);
    if (this.#sent * MESSAGE_FRAMES >= total) return this.#finish();
    const next_ms = this.#start_ms + this.#sent * MESSAGE_MS - performance.now();
    this.#timer = setTimeout(() => this.#send(), Math.max(0, next_ms));
  }

  #finish() {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket.send(JSON.stringify({ type: "finish" }));
  }

  /** @param {any} event */
  #received(event) {
    if (event.seq > 0) this.#on.event(event);
    if (event.type === "error") this.#problem = () => noticeText(event);
    if (event.type === "call.ended") this.#over = true;
  }

  /** @param {CloseEvent} event */
  #closed(event) {
    const finished = (this.#over && event.code === 1000) || (this.#stopped && !this.#start_ms);
    clearTimeout(this.#timer);
    this.#over = true;
    if (finished) return this.#on.ended(null);
    const begun = this.#start_ms > 0;
    this.#on.ended(this.#problem ?? (() => t(begun ? "mic.problem.gone" : "mic.problem.unreachable")));
  }
}
