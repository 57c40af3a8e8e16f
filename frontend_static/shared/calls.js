/**
 * Everything the page knows about calls, as a pure function of what it was told: `reduce(state, action) -> state`.
 * No DOM, no clock, no network. What a call's list entry needs is kept for every call; the history (detail.js) only
 * for calls that were opened.
 *
 * @typedef {{channel: number, role: string, emotion: boolean}} Channel
 * @typedef {{name: string, licence: string, labels: string[]}} Model
 * @typedef {{scores: Record<string, number>, label: string|null, confidence: number, arousal: number|null, t: number,
 *   shape: string|null, reliability: string, snr_db: number|null, speaker: string|null, lag_ms?: number|null}} Emotion
 * @typedef {{type: string, call_id: string, seq: number, t: number, channel: number|null, at?: string|null}
 *   & Record<string, any>} CallEvent
 * @typedef {import("./detail.js").Detail} Detail
 * @typedef {import("./pulse.js").Pulse} Pulse
 * @typedef {import("./alerts.js").Alert} Alert
 * @typedef {{call_id: string, state: "live"|"ended", transport: string, channels: Channel[],
 *   models: Record<string, Model>, tags: Record<string, string>, started_at: string|null, ended_at: string|null,
 *   reason: string|null, duration_s: number, speaking: number[], speaker: string|null,
 *   emotions: Record<string, Emotion>, names: Record<string, string>, alerts: Alert[], pulse: Pulse, last_seq: number,
 *   anchor_ms: number, detail: Detail|null}} Call `anchor_ms`: when `duration_s` was true
 * @typedef {{calls: Record<string, Call>, waiting: Record<string, CallEvent[]>}} State
 *   `waiting`: by call, the events since its history was asked for
 * @typedef {{do: "listed", views: any[], now_ms: number} | {do: "events", events: CallEvent[], now_ms: number}
 *   | {do: "opened", call_id: string} | {do: "detailed", view: any, now_ms: number} | {do: "gone", call_id: string}} Action
 */
import { alerted } from "./alerts.js";
import { detailEvent, detailFrom } from "./detail.js";
import { beaten, STILL } from "./pulse.js";
import { counts } from "./roles.js";

/** Ended calls kept in the list. */
const MOST_ENDED = 50;
/** Events held back while a call's history is on its way. */
const MOST_WAITING = 2000;

/** Start times of one call may differ by this much between its event and its view. */
const SAME_START_MS = 5000;

/** @type {State} */
export const EMPTY = { calls: {}, waiting: {} };

/** @param {State} state @param {Action} action @returns {State} */
export function reduce(state, action) {
  switch (action.do) {
    case "listed":
      return listed(state, action.views, action.now_ms);
    case "events":
      return onEvents(state, action.events, action.now_ms);
    case "opened":
      return opened(state, action.call_id);
    case "detailed":
      return detailed(state, action.view, action.now_ms);
    case "gone":
      return { calls: without(state.calls, action.call_id), waiting: without(state.waiting, action.call_id) };
  }
}

/** Live calls, the newest first, and ended ones, the last ended first. @param {State} state */
export function sorted(state) {
  const all = Object.values(state.calls);
  const by = (/** @type {"started_at"|"ended_at"} */ key) => (/** @type {Call} */ a, /** @type {Call} */ b) =>
    compared(b[key] ?? "", a[key] ?? "") || compared(a.call_id, b.call_id);
  return {
    live: all.filter((call) => call.state === "live").sort(by("started_at")),
    ended: all.filter((call) => call.state === "ended").sort(by("ended_at")),
  };
}

/** Both are of ASCII, and there may be hundreds: no need of a collation. @param {string} a @param {string} b */
function compared(a, b) {
  return a < b ? -1 : Number(a > b);
}

/** Seconds into the call at `now_ms`. @param {Call} call @param {number} now_ms */
export function timeIn(call, now_ms) {
  return call.state === "live" ? call.duration_s + Math.max(0, now_ms - call.anchor_ms) / 1000 : call.duration_s;
}

/** One call is open at a time: the history of the others is let go. @returns {State} */
function opened(/** @type {State} */ state, /** @type {string} */ id) {
  const calls = Object.fromEntries(
    Object.values(state.calls).map((call) => [call.call_id, call.call_id === id ? call : { ...call, detail: null }]),
  );
  return { calls, waiting: { [id]: [] } };
}

/** The list is the server's: what it no longer names is dropped, but for calls that are open here. @returns {State} */
function listed(/** @type {State} */ state, /** @type {any[]} */ views, /** @type {number} */ now_ms) {
  /** @type {Record<string, Call>} */
  const calls = {};
  for (const view of views) calls[view.call_id] = merged(state.calls[view.call_id], view, now_ms);
  for (const call of Object.values(state.calls)) if (!calls[call.call_id] && call.detail) calls[call.call_id] = call;
  return bounded({ ...state, calls });
}

/** @returns {State} */
function detailed(/** @type {State} */ state, /** @type {any} */ view, /** @type {number} */ now_ms) {
  const old = state.calls[view.call_id];
  const call = merged(old, view, now_ms);
  const detail = (state.waiting[view.call_id] ?? []).reduce((d, event) => detailEvent(d, event, call), detailFrom(view, call));
  const calls = { ...state.calls, [view.call_id]: { ...call, detail } };
  return { calls, waiting: without(state.waiting, view.call_id) };
}

/** A view joins what is known; of an older one only the tags, which no event tells. @returns {Call} */
function merged(/** @type {Call|undefined} */ old, /** @type {any} */ view, /** @type {number} */ now_ms) {
  if (old && another(old, view.started_at)) old = undefined;
  if (old && old.last_seq > view.last_seq) return { ...old, tags: view.tags };
  const { summary: _s, timeline: _t, changes: _c, warnings: _w, recent, ...rest } = view;
  return { ...rest, names: old?.names ?? {}, pulse: pulseOf(old, view), detail: old?.detail ?? null, anchor_ms: now_ms };
}

/** Of the `recent` rows where the view has them (the list has, if asked), of the latest emotions where nothing else is known. @returns {Pulse} */
function pulseOf(/** @type {Call|undefined} */ old, /** @type {any} */ view) {
  if (!view.recent && old) return old.pulse;
  const latest = Object.values(view.emotions).map((/** @type {any} */ { t, channel, label, scores, arousal, reliability }) =>
    [t, channel, label, scores.angry, scores.fearful, arousal, reliability]);
  return (view.recent ?? latest).reduce((/** @type {Pulse} */ pulse, /** @type {any[]} */ row) => {
    const [t, channel, speaker, label, angry, fearful, arousal, reliability] = row;
    return counts(view, channel) ? beaten(pulse, { t, channel, speaker, label, angry, fearful, arousal, reliability }) : pulse;
  }, STILL);
}

/** @returns {State} */
function onEvents(/** @type {State} */ state, /** @type {CallEvent[]} */ events, /** @type {number} */ now_ms) {
  const [calls, waiting] = [{ ...state.calls }, { ...state.waiting }];
  let [news, ended] = [false, false];
  for (const event of events) {
    const id = event.call_id;
    const call = told(calls[id], event, now_ms);
    if (waiting[id]) waiting[id] = [...waiting[id], event].slice(-MOST_WAITING);
    news ||= call !== calls[id] || id in waiting;
    if (call) calls[id] = call;
    ended ||= event.type === "call.ended";
  }
  if (!news) return state;
  return ended ? bounded({ calls, waiting }) : { calls, waiting };
}

/** What a call is after an event; the same object if it knew that. @returns {Call|undefined} */
function told(/** @type {Call|undefined} */ old, /** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
  let call = event.type === "call.started" && (!old || another(old, event.at)) ? fresh(event, now_ms) : old;
  if (call && event.seq > call.last_seq) call = { ...overview(call, event, now_ms), last_seq: event.seq };
  if (call?.detail && event.seq > call.detail.seq) call = { ...call, detail: detailEvent(call.detail, event, call) };
  return call;
}

/** Whether what started at `started_at` is a later call than the one known under the same id. @returns {boolean} */
function another(/** @type {Call} */ call, /** @type {string|null|undefined} */ started_at) {
  if (!call.started_at || !started_at) return false;
  return Date.parse(started_at) - Date.parse(call.started_at) > SAME_START_MS;
}

/** @returns {Call} */
function fresh(/** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
  return {
    call_id: event.call_id, state: "live", transport: event.transport, channels: event.channels, models: event.models,
    tags: event.tags, started_at: event.at ?? null, ended_at: null, reason: null, duration_s: event.t, speaking: [],
    speaker: null, emotions: {}, names: {}, alerts: [], pulse: STILL, last_seq: -1, anchor_ms: now_ms, detail: null,
  };
}

/** What one event changes in the list entry. @returns {Call} */
function overview(/** @type {Call} */ call, /** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
  const timed = event.t >= timeIn(call, now_ms) || event.type === "emotion" ? { duration_s: event.t, anchor_ms: now_ms } : {};
  const channel = event.channel ?? 0;
  switch (event.type) {
    case "call.started":
      return { ...call, tags: event.tags, models: event.models, channels: event.channels };
    case "call.ended":
      return { ...call, state: "ended", ended_at: event.at ?? null, reason: event.reason, speaking: [],
        duration_s: event.summary.duration_s };
    case "speech.started":
      return { ...call, ...timed, speaking: [...new Set([...call.speaking, channel])] };
    case "speech.ended":
      return { ...call, ...timed, speaking: call.speaking.filter((c) => c !== channel) };
    case "emotion":
      return { ...call, ...timed, emotions: { ...call.emotions, [channel]: /** @type {any} */ (event) }, pulse: felt(call, event, channel) };
    case "speaker.changed":
      return { ...call, ...timed, speaker: event.to, names: named(call.names, event.to, event.name) };
    case "speaker.updated":
      return { ...call, names: named(call.names, event.speaker, event.name),
        speaker: event.merged_into && call.speaker === event.speaker ? event.merged_into : call.speaker };
    case "alert.raised":
    case "alert.updated":
    case "alert.cleared":
      return { ...call, ...timed, alerts: alerted(call.alerts, event) };
    default:
      return { ...call, ...timed };
  }
}

/** @returns {Pulse} */
function felt(/** @type {Call} */ call, /** @type {CallEvent} */ event, /** @type {number} */ channel) {
  if (!counts(call, channel)) return call.pulse;
  const { t, speaker, label, scores, arousal, reliability } = event;
  const { angry = 0, fearful = 0 } = scores;
  return beaten(call.pulse, { t, channel, speaker, label, angry, fearful, arousal, reliability });
}

/** @returns {Record<string, string>} */
function named(/** @type {Record<string, string>} */ names, /** @type {string} */ speaker, /** @type {string|null} */ name) {
  return name ? { ...names, [speaker]: name } : names;
}

/** Forgets the ended calls beyond the bound. @param {State} state @returns {State} */
function bounded(state) {
  const surplus = sorted(state).ended.slice(MOST_ENDED).filter((call) => !call.detail);
  return surplus.length ? { ...state, calls: surplus.reduce((calls, call) => without(calls, call.call_id), state.calls) } : state;
}

/** @template T @param {Record<string, T>} record @param {string} key @returns {Record<string, T>} */
function without(record, key) {
  const { [key]: _, ...rest } = record;
  return rest;
}
