/**
 * What the page knows of the one call that it makes, as a pure function of the call's events.
 *
 * @typedef {import("../shared/calls.js").Channel} Channel
 * @typedef {import("../shared/calls.js").Emotion} Emotion
 * @typedef {import("../shared/calls.js").CallEvent} CallEvent
 * @typedef {import("../shared/detail.js").Detail} Detail
 * @typedef {import("../shared/alerts.js").Alert} Alert
 * @typedef {import("./past.js").Past} Past
 * @typedef {{call_id: string, state: "live"|"ended", channels: Channel[], models: Record<string, {name: string, licence: string}>,
 *   speaking: number[], speaker: string|null, names: Map<string, string>, emotions: Record<string, Emotion>, reason: string|null,
 *   duration_s: number, anchor_ms: number, told_ms: number, detail: Detail, alerts: Alert[], past: Past[]}} Heard `names`: given by the visitor;
 *   `anchor_ms`: when `duration_s` was true; `told_ms`: when the last event came; `past`: the calls before that broke off, the oldest first
 */
import { alerted } from "../shared/alerts.js";
import { detailEvent } from "../shared/detail.js";

/** The audio's clock and the visitor's may be apart by this much before the first one counts. */
const DRIFT_S = 1.5;
/** @type {Detail} */
const NOTHING_YET = { seq: -1, points: {}, turns: [], changes: [], notices: [], summary: null };

/** @param {CallEvent} event `call.started` @param {number} now_ms @param {Past[]} [past] @returns {Heard} */
export function begun(event, now_ms, past = []) {
  return {
    call_id: event.call_id, state: "live", channels: event.channels, models: event.models, speaking: [], speaker: null, names: new Map(),
    emotions: {}, reason: null, duration_s: 0, anchor_ms: now_ms, told_ms: now_ms, detail: { ...NOTHING_YET, seq: event.seq },
    alerts: [], past,
  };
}

/** @param {Heard} heard @param {CallEvent} event @param {number} now_ms @returns {Heard} */
export function told(heard, event, now_ms) {
  const call = /** @type {any} */ (heard); // detail.js asks for the channels and the speaker only.
  return { ...heard, ...changed(heard, event, now_ms), told_ms: now_ms, detail: detailEvent(heard.detail, event, call) };
}

/** Seconds into the call. @param {Heard} heard @param {number} now_ms @returns {number} */
export function timeIn(heard, now_ms) {
  return heard.duration_s + (heard.state === "live" ? Math.max(0, now_ms - heard.anchor_ms) / 1000 : 0);
}

/** @param {Heard} heard @param {string} speaker @param {string} name "": none @returns {Heard} */
export function named(heard, speaker, name) {
  const names = new Map(heard.names);
  names.delete(speaker);
  return { ...heard, names: name ? names.set(speaker, name) : names };
}

/** How long nobody has spoken on a channel. @param {Heard} heard @param {number} channel @param {number} now_s @returns {number} Infinity: nobody ever has */
export function quiet_s(heard, channel, now_s) {
  if (heard.speaking.includes(channel)) return 0;
  const turns = heard.detail.turns.filter((turn) => turn.channel === channel);
  return now_s - turns.reduce((last, turn) => Math.max(last, turn.end_s ?? now_s), -Infinity);
}

/** The channel whose feeling is shown: of those on which it is inferred, the one that speaks, else the one heard last. @param {Heard} heard @returns {Channel|null} */
export function focus(heard) {
  const inferred = heard.channels.filter((channel) => channel.emotion);
  const newest = (/** @type {Channel} */ { channel }) => heard.emotions[channel]?.t ?? -1;
  const [speaking] = inferred.filter(({ channel }) => heard.speaking.includes(channel));
  return speaking ?? inferred.sort((a, b) => newest(b) - newest(a))[0] ?? null;
}

/** @returns {Partial<Heard>} */
function changed(/** @type {Heard} */ heard, /** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
  const channel = event.channel ?? 0;
  switch (event.type) {
    case "speech.started":
      return { speaking: [...new Set([...heard.speaking, channel])] };
    case "speech.ended":
      return { speaking: heard.speaking.filter((c) => c !== channel) };
    case "emotion": {
      const emotions = { ...heard.emotions, [channel]: /** @type {any} */ (event) };
      const apart = Math.abs(timeIn(heard, now_ms) - event.t) > DRIFT_S;
      return apart ? { emotions, duration_s: event.t, anchor_ms: now_ms } : { emotions };
    }
    case "speaker.changed":
      return { speaker: event.to };
    case "speaker.updated":
      return event.merged_into ? merged(heard, event.speaker, event.merged_into) : {};
    case "alert.raised":
    case "alert.updated":
    case "alert.cleared":
      return { alerts: alerted(heard.alerts, event) };
    case "call.ended":
      return { state: "ended", reason: event.reason, speaking: [], duration_s: event.summary.duration_s, anchor_ms: now_ms };
    default:
      return {};
  }
}

/** Two voices were one: a name given to either stays. @returns {Partial<Heard>} */
function merged(/** @type {Heard} */ heard, /** @type {string} */ from, /** @type {string} */ into) {
  const [names, name] = [new Map(heard.names), heard.names.get(from)];
  names.delete(from);
  if (name && !names.has(into)) names.set(into, name);
  return { names, speaker: heard.speaker === from ? into : heard.speaker };
}
