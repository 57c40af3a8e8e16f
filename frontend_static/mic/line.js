/**
 * A live call of the microphone: over WebRTC where the server takes it, else over a WebSocket.
 *
 * @typedef {{event: (event: any) => void, lost: () => void}} CallHandlers `lost`: the connection went, without `call.ended`
 * @typedef {"webrtc"|"websocket"} Path
 */
import { LineError } from "./lineerror.js";
import { SocketCall } from "./socketcall.js";
import { WhipCall } from "./whip.js";

/** Refusals that the other way in would give as well. */
const THE_SAME_ELSEWHERE = ["server.warming_up", "server.busy", "server.stopping", "unreachable"];

/**
 * @param {MediaStream} stream @param {CallHandlers} on
 * @returns {Promise<{call: WhipCall|SocketCall, path: Path, why: string|null}>} `why`: the code of what keeps WebRTC from being used.
 *   Rejects with a LineError where there is no way in.
 */
export async function openLine(stream, on) {
  try {
    return { call: await opened(whip(stream, on)), path: "webrtc", why: null };
  } catch (error) {
    const { code } = /** @type {LineError} */ (error);
    if (THE_SAME_ELSEWHERE.includes(code)) throw error;
    return { call: await opened(new SocketCall(stream, on)), path: "websocket", why: code };
  }
}

/** @param {MediaStream} stream @param {CallHandlers} on @returns {WhipCall} */
function whip(stream, on) {
  if (!("RTCPeerConnection" in globalThis)) throw new LineError("unsupported", "");
  return new WhipCall(stream, on);
}

/** @template {WhipCall|SocketCall} C @param {C} call @returns {Promise<C>} */
async function opened(call) {
  await call.open();
  return call;
}
