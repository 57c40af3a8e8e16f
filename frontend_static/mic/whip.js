/**
 * The microphone as a WebRTC call: an offer to `POST /v1/whip`, the events of the call on a data channel.
 * No STUN or TURN server is asked: the server answers wherever the packets come from, and where UDP does not get
 * through, the WebSocket does.
 */
import { apiError, fetchCall } from "../shared/api.js";
import { LineError } from "./lineerror.js";

const CONFIGURE = JSON.stringify({ type: "configure", tags: { source: "microphone" } });
const FINISH = JSON.stringify({ type: "finish" });
/** Addresses of this machine are known at once; one that is not by then is left out. */
const GATHERED_WITHIN_MS = 1000;
/** The server must have answered by then; its first answer waits for a process to start. */
const ANSWER_WITHIN_MS = 15_000;
/** `call.started` must have come by then, once the server has answered. */
const EVENT_WITHIN_MS = 5000;
/** A connection that is interrupted may come back for so long. */
const INTERRUPTED_MS = 4000;

export class WhipCall {
  /** @type {RTCRtpSender} */ #sender;
  /** @type {string|null} */ #resource = null;
  #call_id = "";
  #timer = 0;
  #over = false;

  /** @param {MediaStream} stream @param {import("./line.js").CallHandlers} on */
  constructor(stream, on) {
    this.on = on;
    this.peer = new RTCPeerConnection();
    this.channel = this.peer.createDataChannel("events");
    const [track] = stream.getAudioTracks();
    this.#sender = this.peer.addTransceiver(track, { direction: "sendonly", streams: [stream] }).sender;
  }

  /** Resolves once the first event has come. Rejects with a LineError. */
  async open() {
    const first = this.#firstEvent();
    try {
      await this.peer.setLocalDescription();
      await gathered(this.peer);
      await this.peer.setRemoteDescription({ type: "answer", sdp: await this.#publish() });
      await Promise.race([first, this.#silence()]);
      clearTimeout(this.#timer);
    } catch (error) {
      this.close();
      throw error instanceof LineError ? error : new LineError("refused", () => String(error));
    }
    this.channel.onclose = () => this.#lost();
    this.peer.onconnectionstatechange = () => this.#connectionChanged();
  }

  /** @param {MediaStream} stream from another device */
  async setStream(stream) {
    await this.#sender.replaceTrack(stream.getAudioTracks()[0]);
  }

  /** Asks for the call's end; `call.ended` follows. */
  finish() {
    if (this.channel.readyState === "open") this.channel.send(FINISH);
    else this.#delete();
  }

  /** Lets go of everything, at once. */
  close() {
    if (!this.#over) this.#delete();
    this.#over = true;
    clearTimeout(this.#timer);
    this.peer.close();
  }

  /** @returns {Promise<string>} the answer's SDP */
  async #publish() {
    let response;
    try {
      const body = this.peer.localDescription?.sdp;
      const headers = { "content-type": "application/sdp" };
      response = await fetch("/v1/whip?channels=1", { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    } catch (error) {
      throw new LineError(/** @type {Error} */ (error).name === "TimeoutError" ? "silent" : "unreachable");
    }
    if (response.status === 404 || response.status === 405) throw new LineError("missing");
    if (response.status === 401) throw new LineError("unauthorized"); // A page has no place for a token.
    if (!response.ok) {
      const { code, text } = apiError(response.status, await response.json().catch(() => null));
      throw new LineError(code.startsWith("server.") ? code : "refused", text);
    }
    this.#resource = response.headers.get("location");
    return response.text();
  }

  /** @returns {Promise<void>} */
  #firstEvent() {
    return new Promise((resolve) => {
      this.channel.onopen = () => this.channel.send(CONFIGURE);
      this.channel.onmessage = (message) => {
        resolve();
        this.#received(JSON.parse(message.data));
      };
    });
  }

  /** Rejects unless an event comes in time. @returns {Promise<never>} */
  #silence() {
    return new Promise((_, reject) => {
      this.#timer = setTimeout(() => reject(new LineError("silent")), EVENT_WITHIN_MS);
    });
  }

  /** @param {any} event */
  #received(event) {
    this.#call_id = event.call_id;
    if (event.type === "call.ended") {
      this.#over = true;
      this.#resource = null;
    }
    this.on.event(event);
  }

  #connectionChanged() {
    clearTimeout(this.#timer);
    const state = this.peer.connectionState;
    if (state === "failed" || state === "closed") this.#lost();
    if (state !== "disconnected") return;
    this.#timer = setTimeout(() => this.#lost(), INTERRUPTED_MS);
    this.#ask();
  }

  /** An interruption may pass, unless the server says that the call is over: then nobody needs to wait. */
  async #ask() {
    try {
      if ((await fetchCall(this.#call_id)).state === "ended") this.#lost();
    } catch (error) {
      if (/** @type {{code?: string}} */ (error).code === "call.not_found") this.#lost();
    }
  }

  #lost() {
    if (this.#over) return;
    this.close();
    this.on.lost();
  }

  #delete() {
    if (this.#resource) fetch(this.#resource, { method: "DELETE", keepalive: true }).catch(() => {}); // It may be gone.
    this.#resource = null;
  }
}

/** @param {RTCPeerConnection} peer @returns {Promise<void>} */
function gathered(peer) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERED_WITHIN_MS);
    peer.onicegatheringstatechange = () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
  });
}
