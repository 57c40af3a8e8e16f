/**
 * Draws the strip. Takes everything it needs as arguments.
 *
 * @typedef {import("./listening.js").Heard} Heard
 * @typedef {import("../shared/band.js").Canvas} Canvas
 * @typedef {{width: number, height: number, from_s: number, span_s: number, now_s: number, whole: boolean}} Frame
 *   `whole`: an ended call from its start; else the newest is at the right edge
 * @typedef {import("./striplanes.js").Lane} Lane
 */
import { hatch, ribbons } from "../shared/band.js";
import { clock } from "../shared/format.js";
import { runs, stretches, unusable, xAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";
import { focus } from "./listening.js";

const RIBBON_H = 30;
const ENERGY_H = 46;
const LANE_H = 22;
const GAP = 14;
const AXIS_H = 22;
const MARK_H = 7;
/** On a narrow page the names stand above what they name, else left of it. */
const NARROW_PX = 560;
const GUTTER_PX = 108;
const CAPTION_H = 17;
const LONGEST_NAME_PX = 100;
/** Below the word, which stays clear. */
const HATCH_H = 7;
/** From one time on the axis to the next, at least. */
const TICK_PX = 120;

/** @param {number} width px @param {number} lanes @returns {number} px */
export function stripHeight(width, lanes) {
  const captions = width < NARROW_PX ? CAPTION_H * (2 + Math.max(1, lanes)) : 0;
  return captions + RIBBON_H + GAP + ENERGY_H + GAP + MARK_H + Math.max(1, lanes) * LANE_H + AXIS_H;
}

/** @param {Omit<Canvas, "place">} on @param {Heard} heard @param {Lane[]} lanes @param {Frame} frame */
export function paintStrip({ ctx, colour }, heard, lanes, frame) {
  const narrow = frame.width < NARROW_PX;
  const place = { from_s: frame.from_s, to_s: frame.from_s + frame.span_s, left: narrow ? 0 : GUTTER_PX, right: frame.width };
  const canvas = { ctx, colour, place };
  const caption = narrow ? CAPTION_H : 0;
  const parts = [...(frame.whole ? [] : heard.past).map(({ points, end_s }) => ({ points, end_s })),
    { points: heard.detail.points[focus(heard)?.channel ?? 0] ?? [], end_s: frame.now_s }];
  ctx.clearRect(0, 0, frame.width, frame.height);
  ctx.textBaseline = "middle";
  let y = caption;
  name(canvas, t("mic.strip.feeling"), y, RIBBON_H);
  inside(canvas, () => feeling(canvas, parts, y));
  y += RIBBON_H + GAP + caption;
  name(canvas, t("mic.strip.energy"), y, ENERGY_H);
  inside(canvas, () => energy(canvas, parts, y));
  y += ENERGY_H + GAP + MARK_H;
  const lanes_y = y;
  for (const of of lanes) {
    y += caption;
    name(canvas, of.name, y, LANE_H);
    inside(canvas, () => lane(canvas, of, y, frame.now_s));
    y += LANE_H;
  }
  if (y === lanes_y) y += LANE_H;
  inside(canvas, () => {
    for (const { changes } of [...heard.past, heard.detail]) marks(canvas, changes, lanes_y, y);
    for (const past of heard.past) broken(canvas, past, caption, y);
  });
  axis(canvas, frame, y);
}

/** Draws between the left and the right edge only. @param {Canvas} canvas @param {() => void} draw */
function inside({ ctx, place }, draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(place.left, 0, place.right - place.left, 10_000);
  ctx.clip();
  draw();
  ctx.restore();
}

/** @param {Canvas} canvas @param {string} text @param {number} y @param {number} height of what it names */
function name({ ctx, place, colour }, text, y, height) {
  ctx.textAlign = "left";
  ctx.fillStyle = colour("quiet");
  if (place.left) ctx.fillText(text, 0, y + height / 2, LONGEST_NAME_PX);
  else ctx.fillText(text, 0, y - CAPTION_H / 2);
}

/** @typedef {{points: import("../shared/detail.js").Point[], end_s: number}} Part a call, or one that broke off */

/** @param {Canvas} canvas @param {Part[]} parts @param {number} y */
function feeling(canvas, parts, y) {
  const { ctx, place, colour } = canvas;
  const track = { channel: 0, role: "", emotion: true, y, ribbon_h: RIBBON_H, top: y, bottom: y + RIBBON_H };
  ctx.save();
  ctx.fillStyle = colour("raised");
  ctx.beginPath();
  ctx.roundRect(place.left, y, place.right - place.left, RIBBON_H, 6);
  ctx.fill();
  ctx.clip();
  for (const part of parts) sounds(canvas, part, track);
  ctx.restore();
}

/** @param {Canvas} canvas @param {Part} part @param {import("../shared/geometry.js").Track} track */
function sounds(canvas, { points, end_s }, track) {
  const { ctx, place, colour } = canvas;
  ribbons(canvas, track, points);
  const all = stretches(points, place.from_s);
  for (const run of runs(all, (a, b) => a.point.reliability === b.point.reliability)) {
    if (run[0].point.reliability === "low") hatch(canvas, { ...track, top: track.bottom - HATCH_H }, run[0].from_s, run[run.length - 1].to_s);
  }
  ctx.textAlign = "center";
  ctx.fillStyle = colour("quiet");
  for (const { from_s, to_s } of unusable(points, end_s)) {
    const [a, b] = [Math.max(place.left, xAt(place, from_s)), Math.min(place.right, xAt(place, to_s))];
    const text = labelText(null);
    if (b - a > ctx.measureText(text).width + 16) ctx.fillText(text, (a + b) / 2, track.y + RIBBON_H / 2);
  }
}

/** @param {Canvas} canvas @param {Part[]} parts @param {number} y */
function energy({ ctx, place, colour }, parts, y) {
  const bottom = y + ENERGY_H;
  ctx.strokeStyle = colour("line");
  ctx.lineWidth = 1;
  for (const at of [y + 0.5, bottom - 0.5]) stroke(ctx, [[place.left, at], [place.right, at]]);
  for (const run of parts.flatMap(({ points }) => runs(stretches(points, place.from_s)))) {
    const at = (/** @type {number} */ arousal) => bottom - 2 - arousal * (ENERGY_H - 4);
    /** @type {[number, number][]} */
    const curve = [[xAt(place, run[0].from_s), at(run[0].point.arousal ?? 0)],
      ...run.map((s) => /** @type {[number, number]} */ ([xAt(place, s.to_s), at(s.point.arousal ?? 0)]))];
    ctx.beginPath();
    ctx.moveTo(curve[0][0], bottom);
    for (const [x, top] of curve) ctx.lineTo(x, top);
    ctx.lineTo(curve[curve.length - 1][0], bottom);
    ctx.fillStyle = colour("accent-wash");
    ctx.fill();
    ctx.strokeStyle = colour("accent");
    ctx.lineWidth = 2;
    ctx.lineJoin = "round";
    stroke(ctx, curve);
  }
}

/** @param {Canvas} canvas @param {Lane} lane @param {number} y @param {number} now_s */
function lane({ ctx, place, colour }, { turns, colour: style }, y, now_s) {
  const middle = y + LANE_H / 2;
  ctx.strokeStyle = colour("line");
  ctx.lineWidth = 1;
  stroke(ctx, [[place.left, middle], [place.right, middle]]);
  ctx.fillStyle = colour(style);
  for (const turn of turns) {
    const end_s = turn.end_s ?? now_s;
    if (end_s < place.from_s) continue;
    const x = xAt(place, turn.start_s);
    ctx.beginPath();
    ctx.roundRect(x, y + 5, Math.max(3, xAt(place, end_s) - x - 1), LANE_H - 10, 4);
    ctx.fill();
  }
}

/** Where the floor passed on. @param {Canvas} canvas @param {{t: number, from: string|null}[]} changes @param {number} top of the lanes @param {number} bottom */
function marks({ ctx, place, colour }, changes, top, bottom) {
  for (const change of changes) {
    if (change.from === null || change.t < place.from_s) continue;
    const x = Math.round(xAt(place, change.t)) + 0.5;
    ctx.setLineDash([2, 3]);
    ctx.strokeStyle = colour("mark");
    ctx.lineWidth = 1;
    stroke(ctx, [[x, top], [x, bottom]]);
    ctx.setLineDash([]);
    ctx.fillStyle = colour("ink");
    ctx.beginPath();
    ctx.moveTo(x - 4, top - MARK_H);
    ctx.lineTo(x + 4, top - MARK_H);
    ctx.lineTo(x, top - 1);
    ctx.fill();
  }
}

/** The time without a connection. @param {Canvas} canvas @param {import("./past.js").Past} past @param {number} top @param {number} bottom */
function broken({ ctx, place, colour }, { end_s, next_s }, top, bottom) {
  const [a, b] = [xAt(place, end_s), xAt(place, next_s)];
  ctx.fillStyle = colour("bad-wash");
  ctx.fillRect(a, top, Math.max(2, b - a), bottom - top);
  ctx.fillStyle = colour("bad");
  for (const x of [a, b]) ctx.fillRect(Math.round(x), top, 1, bottom - top);
  const text = t("mic.strip.break");
  ctx.textAlign = "center";
  if (b - a > ctx.measureText(text).width + 8) ctx.fillText(text, (a + b) / 2, top + RIBBON_H / 2);
}

/** @param {Canvas} canvas @param {Frame} frame @param {number} y */
function axis({ ctx, place, colour }, frame, y) {
  ctx.fillStyle = colour("quiet");
  const step_s = [5, 10, 15, 30, 60, 120, 300, 600, 1800].find((s) => ((place.right - place.left) * s) / frame.span_s >= TICK_PX) ?? 3600;
  for (let at = 0; at <= frame.span_s; at += step_s) {
    const x = xAt(place, frame.whole ? at : place.to_s - at);
    const [first, last] = [x - place.left < 12, place.right - x < 12];
    ctx.textAlign = first ? "left" : last ? "right" : "center";
    ctx.fillText(frame.whole ? clock(at) : ago(at), x, y + AXIS_H / 2 + 3);
  }
}

/** @param {number} seconds @returns {string} */
function ago(seconds) {
  if (seconds === 0) return t("mic.strip.now");
  return seconds % 60 ? t("mic.strip.ago", { seconds: `\u2212${seconds}` }) : t("mic.strip.ago_minutes", { count: `\u2212${seconds / 60}` });
}

/** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} corners */
function stroke(ctx, corners) {
  ctx.beginPath();
  for (const [x, y] of corners) ctx.lineTo(x, y);
  ctx.stroke();
}
