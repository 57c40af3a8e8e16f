/** Numbers and times in words a reader takes in at a glance. */

/** @param {number} seconds @returns {string} "1:05", "1:02:09" */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} share in [0, 1] @returns {string} "82 %" */
export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

/** @param {number|null|undefined} ms @returns {string} "240 ms", "1.8 s" */
export function lag(ms) {
  if (ms == null) return "\u2013";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {string} rfc3339 @param {number} now_ms epoch @returns {string} "just now", "4 min ago", "14:05", "3 Mar 14:05" */
export function ago(rfc3339, now_ms) {
  const then = new Date(rfc3339);
  const minutes = Math.floor((now_ms - then.getTime()) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return minutes < 12 * 60 ? time : `${then.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** @param {string} text such as a role or a code @returns {string} */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

/** @param {string|null} speaker @param {Record<string, string>} names @returns {string} */
export function speakerText(speaker, names) {
  if (!speaker) return "Speaker not known yet";
  return names[speaker] ? `${names[speaker]} (${speaker})` : sentence(speaker);
}
