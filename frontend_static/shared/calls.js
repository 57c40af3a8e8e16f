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
 *   emotions: Record<string, Emotion>, names: Map<string, string>, alerts: Alert[], pulse: Pulse, last_seq: number,
 *   anchor_ms: number, since_ms: number, detail: Detail|null}} Call `anchor_ms`: when `duration_s` was true; `since_ms`: when
 *   its start was told, -Infinity if it was not
 * @typedef {{calls: Map<string, Call>, waiting: Map<string, CallEvent[]>, strangers: CallEvent[], behind: boolean}} State
 *   `waiting`: by call, the events since its history was asked for; `strangers`: events since the last list, of calls that
 *   are not known; `behind`: events may be missing before the newest, so that all wait for a list
 * @typedef {{do: "connected"} | {do: "listed", views: any[], asked_ms: number, now_ms: number}
 *   | {do: "events", events: CallEvent[], now_ms: number}
 *   | {do: "opened", call_id: string} | {do: "detailed", view: any, now_ms: number} | {do: "gone", call_id: string}} Action
 *   `asked_ms`: when the list was asked for
 *
 * Whoever makes a call names it and its roles: what is kept by such a name is in a Map, to which "constructor" is a key
 * like any other.
 */
import { alerted } from "./alerts.js";
import { detailEvent, detailFrom } from "./detail.js";
import { beaten, STILL } from "./pulse.js";
import { counts } from "./roles.js";

/** Ended calls kept in the list. */
const MOST_ENDED = 50;
/** Events held back while a call's history is on its way. */
const MOST_WAITING = 2000;
/** Events held back of calls that no list has named yet: some seconds of hundreds of calls. */
const MOST_STRANGERS = 5000;

/** Start times of one call may differ by this much between its event and its view. */
const SAME_START_MS = 5000;

/** @type {State} */
export const EMPTY = { calls: new Map(), waiting: new Map(), strangers: [], behind: false };

/** @param {State} state @param {Action} action @returns {State} */
export function reduce(state, action) {
  switch (action.do) {
    case "connected":
      return { ...state, behind: true };
    case "listed":
      return listed(state, action.views, action.asked_ms, action.now_ms);
    case "events":
      return onEvents(state, action.events, action.now_ms);
    case "opened":
      return opened(state, action.call_id);
    case "detailed":
      return detailed(state, action.view, action.now_ms);
    case "gone":
      return { ...state, calls: without(state.calls, action.call_id), waiting: without(state.waiting, action.call_id) };
  }
}

/** Live calls, the newest first, and ended ones, the last ended first. @param {State} state */
export function sorted(state) {
  const all = [...state.calls.values()];
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
  const calls = new Map([...state.calls].map(([key, call]) => [key, key === id ? call : { ...call, detail: null }]));
  return { ...state, calls, waiting: new Map([[id, []]]) };
}

/**
 * The list is the server's: what it no longer names is dropped, but for calls that are open here and those that began
 * after it was asked for. What was told meanwhile of calls that it is the first to name, or after a gap, comes on top.
 * Of two calls of one name the newer one counts, which it names first.
 * @returns {State}
 */
function listed(/** @type {State} */ state, /** @type {any[]} */ views, /** @type {number} */ asked_ms, /** @type {number} */ now_ms) {
  /** @type {Map<string, Call>} */
  const calls = new Map(views.toReversed().map((view) => [view.call_id, merged(state.calls.get(view.call_id), view, now_ms)]));
  for (const [id, call] of state.calls) if (!calls.has(id) && (call.detail || call.since_ms >= asked_ms)) calls.set(id, call);
  for (const event of state.strangers) {
    const call = told(calls.get(event.call_id), event, now_ms);
    if (call) calls.set(event.call_id, call);
  }
  return bounded({ ...state, calls, strangers: [], behind: false });
}

/** @returns {State} */
function detailed(/** @type {State} */ state, /** @type {any} */ view, /** @type {number} */ now_ms) {
  const id = view.call_id;
  let call = merged(state.calls.get(id), view, now_ms);
  call = { ...call, detail: detailFrom(view, call) };
  for (const event of state.waiting.get(id) ?? []) call = told(call, event, now_ms) ?? call;
  return { ...state, calls: new Map(state.calls).set(id, call), waiting: without(state.waiting, id) };
}

/** A view joins what is known; of an older one only the tags, which no event tells. @returns {Call} */
function merged(/** @type {Call|undefined} */ old, /** @type {any} */ view, /** @type {number} */ now_ms) {
  if (old && another(old, view.started_at)) old = undefined;
  if (old && old.last_seq > view.last_seq) return { ...old, tags: view.tags };
  const { summary: _s, timeline: _t, changes: _c, warnings: _w, recent, ...rest } = view;
  return { ...rest, names: old?.names ?? new Map(), pulse: pulseOf(old, view), detail: old?.detail ?? null, anchor_ms: now_ms,
    since_ms: old?.since_ms ?? -Infinity };
}

/** Of the `recent` rows where the view has them (the list has, if asked), of the latest emotions where nothing else is known. @returns {Pulse} */
function pulseOf(/** @type {Call|undefined} */ old, /** @type {any} */ view) {
  if (!view.recent && old) return old.pulse;
  const latest = Object.values(view.emotions).map((/** @type {any} */ { t, channel, speaker, label, scores, arousal, reliability }) =>
    [t, channel, speaker, label, scores.angry ?? 0, scores.fearful ?? 0, arousal, reliability]);
  return (view.recent ?? latest).reduce((/** @type {Pulse} */ pulse, /** @type {any[]} */ row) => {
    const [t, channel, speaker, label, angry, fearful, arousal, reliability] = row;
    return counts(view, channel) ? beaten(pulse, { t, channel, speaker, label, angry, fearful, arousal, reliability }) : pulse;
  }, STILL);
}

/** After a gap an event would be taken for all that has happened since: the list must come first. @returns {State} */
function held(/** @type {State} */ state, /** @type {CallEvent[]} */ events) {
  const waiting = new Map(state.waiting);
  let strangers = [...state.strangers];
  for (const event of events) {
    const id = event.call_id;
    const before = waiting.get(id);
    if (before) waiting.set(id, [...before, event].slice(-MOST_WAITING));
    if (event.type === "call.started") strangers = strangers.filter((other) => other.call_id !== id); // Of an earlier call of this name.
    strangers.push(event);
  }
  return { ...state, waiting, strangers: strangers.slice(-MOST_STRANGERS) };
}

/** @returns {State} */
function onEvents(/** @type {State} */ state, /** @type {CallEvent[]} */ events, /** @type {number} */ now_ms) {
  if (state.behind) return held(state, events);
  const [calls, waiting] = [new Map(state.calls), new Map(state.waiting)];
  let [strangers, news, ended] = [[...state.strangers], false, false];
  for (const event of events) {
    const id = event.call_id;
    const [old, held] = [calls.get(id), waiting.get(id)];
    const call = told(old, event, now_ms);
    if (held) waiting.set(id, [...held, event].slice(-MOST_WAITING));
    if (call) calls.set(id, call);
    else strangers.push(event);
    if (call && !old) strangers = strangers.filter((other) => other.call_id !== id); // Those are of an earlier call of this name.
    news ||= !call || call !== old || held !== undefined;
    ended ||= event.type === "call.ended";
  }
  if (!news) return state;
  const next = { ...state, calls, waiting, strangers: strangers.slice(-MOST_STRANGERS) };
  return ended ? bounded(next) : next;
}

/** What a call is after an event. One that cannot be taken in costs itself, not those that came with it. @returns {Call|undefined} */
function told(/** @type {Call|undefined} */ old, /** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
  try {
    return after(old, event, now_ms);
  } catch (failure) {
    console.error(`Event ${event.seq} of call ${event.call_id} is left out:`, failure);
    return old;
  }
}

/** What a call is after an event; the same object if it knew that. @returns {Call|undefined} */
function after(/** @type {Call|undefined} */ old, /** @type {CallEvent} */ event, /** @type {number} */ now_ms) {
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
    speaker: null, emotions: {}, names: new Map(), alerts: [], pulse: STILL, last_seq: -1, anchor_ms: now_ms, since_ms: now_ms,
    detail: null,
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

/** @returns {Map<string, string>} */
function named(/** @type {Map<string, string>} */ names, /** @type {string} */ speaker, /** @type {string|null} */ name) {
  return name ? new Map(names).set(speaker, name) : names.has(speaker) ? without(names, speaker) : names;
}

/** Forgets the ended calls beyond the bound. @param {State} state @returns {State} */
function bounded(state) {
  const surplus = sorted(state).ended.slice(MOST_ENDED).filter((call) => !call.detail);
  return surplus.length ? { ...state, calls: surplus.reduce((calls, call) => without(calls, call.call_id), state.calls) } : state;
}

/** @template T @param {Map<string, T>} map @param {string} key @returns {Map<string, T>} */
function without(map, key) {
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
