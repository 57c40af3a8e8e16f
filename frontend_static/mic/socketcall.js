/** The microphone as a WebSocket call: an audio worklet makes messages of 100 ms, the events come back on the same socket. */
import { socketUrl } from "../shared/api.js";
import { noticeText } from "../shared/format.js";
import { LineError } from "./lineerror.js";

const CONFIGURE = JSON.stringify({ type: "configure", tags: { source: "microphone" } });
const FINISH = JSON.stringify({ type: "finish" });
/** The highest rate that the server takes. */
const HIGHEST_RATE_HZ = 48_000;
const EVENT_WITHIN_MS = 5000;
/** The audio thread hands over the last of what it holds, and is not waited for any longer. */
const FLUSHED_WITHIN_MS = 300;
/** A message is left out beyond this: the network is slower than speech. */
const MOST_BUFFERED_BYTES = 512 * 1024;

export class SocketCall {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {AudioContext} */ #context;
  /** @type {MediaStreamAudioSourceNode|null} */ #source = null;
  /** @type {AudioWorkletNode|null} */ #worklet = null;
  #timer = 0;
  #over = false;

  /** @param {MediaStream} stream @param {import("./line.js").CallHandlers} on */
  constructor(stream, on) {
    this.stream = stream;
    this.on = on;
    this.#context = new AudioContext();
    if (this.#context.sampleRate > HIGHEST_RATE_HZ) {
      this.#context.close();
      this.#context = new AudioContext({ sampleRate: HIGHEST_RATE_HZ });
    }
  }

  /** Resolves once the first event has come. Rejects with a LineError. */
  async open() {
    try {
      await this.#context.audioWorklet.addModule(new URL("./pcmworklet.js", import.meta.url));
      await this.#context.resume();
      await this.#connect();
      this.#worklet = new AudioWorkletNode(this.#context, "pcm", { channelCount: 1, channelCountMode: "explicit" });
      this.#worklet.port.onmessage = ({ data }) => (data ? this.#send(data) : this.#flushed());
      this.#worklet.connect(this.#context.destination); // It plays nothing; unconnected, some browsers would not run it.
      this.setStream(this.stream);
    } catch (error) {
      this.close();
      throw error instanceof LineError ? error : new LineError("refused", () => String(error));
    }
  }

  /** @param {MediaStream} stream from now on */
  async setStream(stream) {
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    if (this.#worklet) this.#source.connect(this.#worklet);
  }

  /** Asks for the call's end, once what was said last is sent; `call.ended` follows. */
  finish() {
    this.#source?.disconnect();
    this.#timer ||= setTimeout(() => this.#flushed(), FLUSHED_WITHIN_MS);
    this.#worklet?.port.postMessage("flush");
  }

  /** Lets go of everything, at once. */
  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#source?.disconnect();
    if (this.#context.state !== "closed") this.#context.close();
    this.#socket?.close();
  }

  /** A stream that is refused gets one event, of `seq` 0. @returns {Promise<void>} */
  #connect() {
    const query = { encoding: "pcm_s16le", sample_rate: this.#context.sampleRate, channels: 1 };
    const socket = new WebSocket(socketUrl("/v1/stream", query));
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new LineError("unreachable")), EVENT_WITHIN_MS);
      socket.onopen = () => socket.send(CONFIGURE);
      socket.onmessage = (message) => {
        const event = JSON.parse(message.data);
        clearTimeout(timer);
        if (event.seq === 0) return reject(new LineError(event.code, () => noticeText(event)));
        socket.onclose = () => this.#lost();
        resolve();
        this.#received(event);
      };
      socket.onclose = () => {
        clearTimeout(timer);
        reject(new LineError("unreachable"));
      };
    });
  }

  /** @param {any} event */
  #received(event) {
    if (event.type === "call.ended") this.#over = true;
    this.on.event(event);
  }

  /** @param {Int16Array<ArrayBuffer>} message */
  #send(message) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount < MOST_BUFFERED_BYTES) socket.send(message);
    else this.on.behind();
  }

  /** All audio is sent. */
  #flushed() {
    clearTimeout(this.#timer);
    if (this.#worklet) this.#worklet.port.onmessage = null;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(FINISH);
  }

  #lost() {
    if (this.#over) return;
    this.close();
    this.on.lost();
  }
}
