/**
 * A live call of the microphone: over WebRTC where the server takes it, else over a WebSocket.
 *
 * @typedef {{event: (event: any) => void, behind: () => void, lost: () => void}} CallHandlers `behind`: audio was left out, as the
 *   network is slower than speech; `lost`: the connection went, without `call.ended`
 * @typedef {"webrtc"|"websocket"} Path
 * @typedef {{call: WhipCall|SocketCall, path: Path, why: string|null}} Line `why`: the code of what keeps WebRTC from being used
 */
import { LineError } from "./lineerror.js";
import { SocketCall } from "./socketcall.js";
import { WhipCall } from "./whip.js";

/** Refusals that the other way in would give as well. */
const THE_SAME_ELSEWHERE = ["server.warming_up", "server.busy", "server.stopping", "unreachable"];

/**
 * @param {MediaStream} stream @param {CallHandlers} on
 * @param {string|null} [known] what kept WebRTC from being used the time before: it is not tried again
 * @returns {Promise<Line>} Rejects with a LineError where there is no way in.
 */
export async function openLine(stream, on, known = null) {
  let why = known;
  if (!why) {
    try {
      return { call: await opened(whip(stream, on)), path: "webrtc", why: null };
    } catch (error) {
      why = /** @type {LineError} */ (error).code;
      if (THE_SAME_ELSEWHERE.includes(why)) throw error;
    }
  }
  return { call: await opened(new SocketCall(stream, on)), path: "websocket", why };
}

/** @param {MediaStream} stream @param {CallHandlers} on @returns {WhipCall} */
function whip(stream, on) {
  if (!("RTCPeerConnection" in globalThis)) throw new LineError("unsupported");
  return new WhipCall(stream, on);
}

/** @template {WhipCall|SocketCall} C @param {C} call @returns {Promise<C>} */
async function opened(call) {
  await call.open();
  return call;
}
