/**
 * What the page shows, as the part of its address behind `#`: a link that is shared shows the same. Pure.
 *
 * @typedef {{view: "live"|"ended", call: string|null, role: string|null, tag: string|null, emotion: string|null,
 *   level: "help"|"watch"|"calm"|null, alert: boolean, find: string, span_s: number|null|undefined,
 *   end_s: number|null}} Address `tag`: `key:value`; `span_s`: seconds of the open call that are shown, null: all of it,
 *   undefined: as usual; `end_s`: where they end, null: now
 */

/** @type {Address} */
export const OVERVIEW = {
  view: "live", call: null, role: null, tag: null, emotion: null, level: null, alert: false, find: "", span_s: undefined, end_s: null,
};
const LEVELS = ["help", "watch", "calm"];
const LONGEST = 128;

/** @param {string} hash such as `#call=c-17&role=customer`; what is not understood is left out @returns {Address} */
export function parsed(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (/** @type {string} */ key) => query.get(key)?.slice(0, LONGEST) || null;
  const span = query.get("span");
  const level = text("level");
  return {
    view: query.get("view") === "ended" ? "ended" : "live",
    call: text("call"),
    role: text("role"),
    tag: text("tag"),
    emotion: text("emotion"),
    level: /** @type {Address["level"]} */ (level && LEVELS.includes(level) ? level : null),
    alert: query.get("alert") === "open",
    find: text("find") ?? "",
    span_s: span === "all" ? null : (seconds(span) || undefined),
    end_s: seconds(query.get("end")),
  };
}

/** @param {Address} address @returns {string} with the `#` */
export function written(address) {
  const { view, call, role, tag, emotion, level, alert, find, span_s, end_s } = address;
  const query = new URLSearchParams();
  if (view !== "live") query.set("view", view);
  for (const [key, value] of Object.entries({ role, tag, emotion, level, find, call })) if (value) query.set(key, value);
  if (alert) query.set("alert", "open");
  if (call && span_s !== undefined) query.set("span", span_s === null ? "all" : rounded(span_s));
  if (call && end_s !== null) query.set("end", rounded(end_s));
  return `#${query}`;
}

/** The address of an alert's `link`, if it is one of that call on this page. @param {string|null|undefined} link @param {string} call_id @returns {Address|null} */
export function moment(link, call_id) {
  const address = link?.startsWith("/dashboard#") ? parsed(link.slice("/dashboard".length)) : null;
  return address?.call === call_id ? address : null;
}

/** @param {Address} address @param {string|null} call @returns {Address} another call is shown as usual */
export function opening(address, call) {
  return call === address.call ? address : { ...address, call, span_s: undefined, end_s: null };
}

/** @param {string|null} text @returns {number|null} */
function seconds(text) {
  const value = text ? Number(text) : NaN;
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** @param {number} value */
function rounded(value) {
  return String(Math.round(value * 10) / 10);
}
