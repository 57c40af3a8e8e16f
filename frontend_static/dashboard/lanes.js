/**
 * Draws who spoke when: a lane for each speaker, where both spoke at once, where the floor passed on, what alerts rest
 * on, and the axis of time below.
 *
 * @typedef {import("../shared/band.js").Canvas} Canvas
 * @typedef {import("../shared/detail.js").Detail} Detail
 * @typedef {import("../shared/calls.js").Call} Call
 */
import { presses } from "../shared/alerts.js";
import { clock, ruleText, speakerShort } from "../shared/format.js";
import { t as say } from "../shared/i18n.js";
import { speakers, ticks, xAt } from "../shared/geometry.js";

export const LANE_H = 26;
const ALERTS_H = 24;
const MARKS_H = 10;
const AXIS_H = 26;
const COLOURS = 6;
/** A shorter overlap is drawn this wide. */
const THINNEST_PX = 2;

/** @param {Call} call @param {Detail} detail @returns {number} px */
export function lanesHeight(call, detail) {
  return top(call) + Math.max(1, speakers(call, detail, 0).length) * LANE_H + AXIS_H;
}

/** @param {Canvas} on @param {Call} call @param {Detail} detail @param {import("./talk.js").Stretch[]} overlaps @param {number} now_s */
export function paintLanes(on, call, detail, overlaps, now_s) {
  const order = speakers(call, detail, 0);
  const bottom = top(call) + Math.max(1, order.length) * LANE_H;
  axis(on, bottom);
  order.forEach((speaker, i) => gutter(on, speakerShort(speaker, call.names), top(call) + i * LANE_H, laneColour(on, speaker, i)));
  const { ctx, place } = on;
  ctx.save();
  ctx.beginPath();
  ctx.rect(place.left, 0, place.right - place.left, bottom);
  ctx.clip();
  order.forEach((speaker, i) => lane(on, detail, speaker, top(call) + i * LANE_H, laneColour(on, speaker, i), now_s));
  if (call.channels.length > 1) for (const overlap of overlaps) both(on, overlap, top(call), bottom);
  marks(on, detail, top(call), bottom);
  ctx.restore();
  if (call.alerts.length) alerts(on, call);
}

/** The colour of each speaker, the same everywhere. @param {Canvas} on @param {string|null} speaker @param {number} i */
export function laneColour({ colour }, speaker, i) {
  return colour(speaker === null ? "quiet" : laneName(i));
}

/** @param {number} i @returns {string} */
export function laneName(i) {
  return `lane-${(i % COLOURS) + 1}`;
}

/** Where the lanes begin. @param {Call} call */
function top(call) {
  return MARKS_H + (call.alerts.length ? ALERTS_H : 0);
}

function axis(/** @type {Canvas} */ { ctx, place, colour }, /** @type {number} */ bottom) {
  ctx.textAlign = "center";
  for (const t of ticks(place)) {
    const x = Math.round(xAt(place, t)) + 0.5;
    ctx.fillStyle = colour("line");
    ctx.fillRect(x - 0.5, 0, 1, bottom + 5);
    ctx.fillStyle = colour("quiet");
    ctx.fillText(clock(t), Math.min(x, place.right - 12), bottom + 16);
  }
}

function gutter(/** @type {Canvas} */ { ctx, place, colour }, /** @type {string} */ text, /** @type {number} */ y, /** @type {string} */ style) {
  ctx.fillStyle = style;
  ctx.beginPath();
  ctx.roundRect(0, y + LANE_H / 2 - 5, 10, 10, 3);
  ctx.fill();
  ctx.textAlign = "left";
  ctx.fillStyle = colour("ink");
  ctx.fillText(text, 17, y + LANE_H / 2, place.left - 24);
}

/** One speaker's turns. */
function lane(/** @type {Canvas} */ { ctx, place, colour }, /** @type {Detail} */ detail, /** @type {string|null} */ speaker,
  /** @type {number} */ y, /** @type {string} */ style, /** @type {number} */ now_s) {
  ctx.fillStyle = colour("line");
  ctx.fillRect(place.left, y + LANE_H / 2 - 0.5, place.right - place.left, 1);
  ctx.fillStyle = style;
  for (const turn of detail.turns) {
    const end_s = turn.end_s ?? now_s;
    if (turn.speaker !== speaker || end_s < place.from_s || turn.start_s > place.to_s) continue;
    const x = xAt(place, turn.start_s);
    ctx.beginPath();
    ctx.roundRect(x, y + 6, Math.max(2, xAt(place, end_s) - x - 1), LANE_H - 12, 3);
    ctx.fill();
  }
}

/** Both spoke at once: a hatched band across the lanes. */
function both(/** @type {Canvas} */ { ctx, place, colour }, /** @type {import("./talk.js").Stretch} */ overlap,
  /** @type {number} */ from_y, /** @type {number} */ to_y) {
  if (overlap.end_s < place.from_s || overlap.start_s > place.to_s) return;
  const x = xAt(place, overlap.start_s);
  const width = Math.max(THINNEST_PX, xAt(place, overlap.end_s) - x);
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, from_y, width, to_y - from_y);
  ctx.clip();
  ctx.fillStyle = colour("warn-wash");
  ctx.globalAlpha = 0.6;
  ctx.fillRect(x, from_y, width, to_y - from_y);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour("warn");
  ctx.lineWidth = 1;
  ctx.beginPath();
  const height = to_y - from_y;
  for (let at = x - height - (x % 6); at < x + width; at += 6) {
    ctx.moveTo(at, to_y);
    ctx.lineTo(at + height, from_y);
  }
  ctx.stroke();
  ctx.restore();
}

/** Where the floor passed on; too many would hide the lanes. */
function marks(/** @type {Canvas} */ { ctx, place, colour }, /** @type {Detail} */ detail, /** @type {number} */ from_y, /** @type {number} */ to_y) {
  const seen = detail.changes.filter((change) => change.from !== null && change.t >= place.from_s && change.t <= place.to_s);
  const crowded = seen.length > (place.right - place.left) / 14;
  for (const change of seen) {
    const x = xAt(place, change.t);
    ctx.fillStyle = colour("mark");
    if (!crowded) ctx.fillRect(x - 0.5, from_y, 1, to_y - from_y);
    ctx.fillStyle = colour("ink");
    ctx.beginPath();
    ctx.moveTo(x - 4, from_y - 7);
    ctx.lineTo(x + 4, from_y - 7);
    ctx.lineTo(x, from_y - 1);
    ctx.fill();
  }
}

/** Alerts whose evidence overlaps are one box: two rules often hear the same. @param {import("../shared/alerts.js").Alert[]} all */
export function boxes(all) {
  /** @type {{start_s: number, end_s: number, alerts: import("../shared/alerts.js").Alert[]}[]} */
  const result = [];
  for (const alert of all.toSorted((a, b) => a.start_s - b.start_s)) {
    const last = result.at(-1);
    if (last && alert.start_s <= last.end_s) {
      last.end_s = Math.max(last.end_s, alert.end_s);
      last.alerts.push(alert);
    } else result.push({ start_s: alert.start_s, end_s: alert.end_s, alerts: [alert] });
  }
  return result;
}

/** A row of its own: the evidence of the alerts, with the rules' names where they fit. */
function alerts(/** @type {Canvas} */ { ctx, place, colour }, /** @type {Call} */ call) {
  ctx.textAlign = "left";
  ctx.fillStyle = colour("bad");
  ctx.fillText(say("dash.alerts"), 17, ALERTS_H / 2, place.left - 24);
  ctx.save();
  ctx.beginPath();
  ctx.rect(place.left, 0, place.right - place.left, ALERTS_H);
  ctx.clip();
  for (const box of boxes(call.alerts)) {
    const [a, b] = [xAt(place, box.start_s), xAt(place, box.end_s)];
    if (b < place.left || a > place.right) continue;
    const pressing = box.alerts.some(presses);
    ctx.fillStyle = colour(pressing ? "bad-wash" : "raised");
    ctx.strokeStyle = colour(pressing ? "bad" : "quiet");
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.roundRect(a, 3, Math.max(4, b - a), ALERTS_H - 7, 4);
    ctx.fill();
    ctx.stroke();
    const text = [...new Set(box.alerts.map((alert) => ruleText(alert.rule)))].join(", ");
    const from = Math.max(a, place.left) + 7;
    ctx.fillStyle = ctx.strokeStyle;
    if (ctx.measureText(text).width < Math.min(b, place.right) - from - 4) ctx.fillText(text, from, ALERTS_H / 2);
  }
  ctx.restore();
}
