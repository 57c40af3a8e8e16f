/** Who is on a channel. Pure. */

/**
 * The role where channels separate the parties, else null.
 * @param {import("./calls.js").Call} call @param {number|null} channel
 */
export function roleOf(call, channel) {
  return call.channels.length > 1 ? (call.channels.find((c) => c.channel === channel)?.role ?? null) : null;
}

/**
 * Whether a channel's feelings say that the call needs someone: everybody's but the agent's, unless no other is inferred.
 * @param {import("./calls.js").Call} call @param {number} channel
 */
export function counts(call, channel) {
  const inferred = call.channels.filter((c) => c.emotion);
  const others = inferred.filter((c) => c.role !== "agent");
  return (others.length ? others : inferred).some((c) => c.channel === channel);
}
