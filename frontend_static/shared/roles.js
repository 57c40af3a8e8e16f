/** Who is on a channel. Pure. */

/**
 * The role where channels separate the parties, else null.
 * @param {import("./calls.js").Call} call @param {number|null} channel
 */
export function roleOf(call, channel) {
  return call.channels.length > 1 ? (call.channels.find((c) => c.channel === channel)?.role ?? null) : null;
}
