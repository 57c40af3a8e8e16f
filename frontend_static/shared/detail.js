/**
 * The history of one open call, as a pure function of its REST view and the events after it.
 *
 * @typedef {{t: number, channel: number, label: string|null, confidence: number, arousal: number|null,
 *   reliability: string, speaker: string|null, scores: Record<string, number>}} Point
 * @typedef {{t: number, from: string|null, to: string, confidence: number}} Change
 * @typedef {{t: number, code: string, reason: string}} Notice
 * @typedef {import("./turns.js").Turn} Turn
 * @typedef {import("./calls.js").Call} Call
 * @typedef {import("./calls.js").CallEvent} CallEvent
 * @typedef {{seq: number, points: Record<string, Point[]>, turns: Turn[], changes: Change[], notices: Notice[],
 *   summary: any}} Detail `points`: by channel, in time order; `seq`: the last event taken in
 */
import { roleOf } from "./roles.js";
import { reopened, speakerChanged, speakerMerged, speechEnded, speechStarted } from "./turns.js";

/** The newest hour at one point per half second. */
const MOST_POINTS = 7200;
const MOST_NOTICES = 100;
const MOST_CHANGES = 2000;

/** @param {any} view `GET /v1/calls/{id}` @param {Call} call @returns {Detail} */
export function detailFrom(view, call) {
  /** @type {Record<string, Point[]>} */
  const points = {};
  for (const point of view.timeline) (points[point.channel] ??= []).push(point);
  for (const list of Object.values(points)) list.sort((a, b) => a.t - b.t);
  const speaking = view.state === "live" ? view.speaking : [];
  const speakerOf = (/** @type {number} */ channel) => roleOf(call, channel) ?? view.speaker;
  return {
    seq: view.last_seq,
    points,
    turns: reopened(view.summary?.turns ?? [], speaking, view.duration_s, speakerOf),
    changes: view.changes.slice(-MOST_CHANGES),
    notices: view.warnings.slice(-MOST_NOTICES),
    summary: view.summary ?? null,
  };
}

/** @param {Detail} detail @param {CallEvent} event @param {Call} call @returns {Detail} */
export function detailEvent(detail, event, call) {
  return event.seq > detail.seq ? { ...detail, ...changed(detail, event, call), seq: event.seq } : detail;
}

/** @returns {Partial<Detail>} */
function changed(/** @type {Detail} */ detail, /** @type {CallEvent} */ event, /** @type {Call} */ call) {
  const channel = event.channel ?? 0;
  const speaker = roleOf(call, channel) ?? call.speaker;
  switch (event.type) {
    case "emotion": {
      const list = [...(detail.points[channel] ?? []), pointFrom(event, channel)].slice(-MOST_POINTS);
      return { points: { ...detail.points, [channel]: list } };
    }
    case "speech.started":
      return { turns: speechStarted(detail.turns, channel, speaker, event.t) };
    case "speech.ended":
      return { turns: speechEnded(detail.turns, channel, speaker, event.start_s, event.t) };
    case "speaker.changed": {
      const change = { t: event.t, from: event.from, to: event.to, confidence: event.confidence };
      const turns = roleOf(call, 0) === null ? speakerChanged(detail.turns, channel, event.to, event.t) : detail.turns;
      return { turns, changes: [...detail.changes, change].slice(-MOST_CHANGES) };
    }
    case "speaker.updated":
      return event.merged_into ? merged(detail, event.speaker, event.merged_into) : {};
    case "warning":
    case "error":
      return { notices: [...detail.notices, { t: event.t, code: event.code, reason: event.reason }].slice(-MOST_NOTICES) };
    case "call.ended":
      return { summary: event.summary, turns: event.summary.turns };
    default:
      return {};
  }
}

/** @returns {Point} */
function pointFrom(/** @type {CallEvent} */ event, /** @type {number} */ channel) {
  const { t, label, confidence, arousal, reliability, speaker, scores } = event;
  return { t, channel, label, confidence, arousal, reliability, speaker, scores };
}

/** Two speakers were one: marks between them go, and the lanes become one. @returns {Partial<Detail>} */
function merged(/** @type {Detail} */ detail, /** @type {string} */ from, /** @type {string} */ into) {
  const name = (/** @type {string|null} */ speaker) => (speaker === from ? into : speaker);
  return {
    turns: speakerMerged(detail.turns, from, into),
    changes: detail.changes
      .map((change) => ({ ...change, from: name(change.from), to: /** @type {string} */ (name(change.to)) }))
      .filter((change) => change.from !== change.to),
  };
}
