/**
 * Draws a recording over time: the feeling of each channel, who spoke, the telling moments. Takes everything as arguments.
 *
 * @typedef {import("../shared/band.js").Canvas} Canvas
 * @typedef {import("./entries.js").Prediction} Prediction
 * @typedef {{name: string, turns: {start_s: number, end_s: number}[], colour: string}} Lane
 * @typedef {{channels: number[], lanes: Lane[]}} Layout
 */
import { stretchBand } from "../shared/band.js";
import { clock, speakerText } from "../shared/format.js";
import { ticks, xAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { stretchesOf } from "./course.js";

const MARK_H = 14;
const RIBBON_H = 22;
const STACK_H = 84;
const LANE_H = 20;
const CAPTION_H = 18;
const GAP = 8;
const AXIS_H = 22;
const LANES = 6;

/** @param {Prediction} prediction @returns {Layout} */
export function layout({ timeline, turns }) {
  const channels = [...new Set(timeline.map((/** @type {any} */ point) => point.channel))].sort();
  const names = [...new Set(turns.map((/** @type {any} */ turn) => turn.speaker).filter(Boolean))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const lanes = names.map((name, i) => ({
    name: speakerText(name), turns: turns.filter((/** @type {any} */ turn) => turn.speaker === name), colour: `lane-${(i % LANES) + 1}`,
  }));
  return { channels, lanes };
}

/** @param {Layout} of @returns {number} px */
export function courseHeight({ channels, lanes }) {
  const captioned = channels.length > 1 ? CAPTION_H : 0;
  return MARK_H + channels.length * (captioned + RIBBON_H + STACK_H + GAP) + lanes.length * (CAPTION_H + LANE_H) + AXIS_H;
}

/** @param {Canvas} on @param {Prediction} prediction @param {Layout} of */
export function paintCourse(on, prediction, of) {
  const { ctx, place, colour } = on;
  ctx.textBaseline = "middle";
  let y = MARK_H;
  for (const channel of of.channels) {
    if (of.channels.length > 1) y = caption(on, t("work.channel", { number: channel + 1 }), y);
    const track = { channel, role: "", emotion: true, y, ribbon_h: RIBBON_H, top: y + RIBBON_H + 2, bottom: y + RIBBON_H + STACK_H };
    ctx.fillStyle = colour("raised");
    ctx.fillRect(place.left, y, place.right - place.left, RIBBON_H + STACK_H);
    stretchBand(on, track, stretchesOf(prediction.timeline.filter((/** @type {any} */ point) => point.channel === channel)));
    y += RIBBON_H + STACK_H + GAP;
  }
  const bottom = y;
  for (const lane of of.lanes) {
    y = caption(on, lane.name, y);
    voice(on, lane, y);
    y += LANE_H;
  }
  for (const moment of prediction.moments) mark(on, moment, bottom - GAP);
  axis(on, y);
}

/** @param {Canvas} on @param {string} text @param {number} y @returns {number} where what it names begins */
function caption({ ctx, place, colour }, text, y) {
  ctx.textAlign = "left";
  ctx.fillStyle = colour("quiet");
  ctx.fillText(text, place.left, y + CAPTION_H / 2);
  return y + CAPTION_H;
}

/** @param {Canvas} on @param {Lane} lane @param {number} y */
function voice({ ctx, place, colour }, { turns, colour: name }, y) {
  ctx.fillStyle = colour("raised");
  ctx.fillRect(place.left, y + LANE_H / 2 - 2, place.right - place.left, 2);
  ctx.fillStyle = colour(name);
  for (const { start_s, end_s } of turns) {
    const x = xAt(place, start_s);
    ctx.beginPath();
    ctx.roundRect(x, y + 2, Math.max(3, xAt(place, end_s) - x - 1), LANE_H - 6, 4);
    ctx.fill();
  }
}

/** A triangle where the feeling turns, a bar over where it is clearest. @param {Canvas} on @param {any} moment @param {number} bottom */
function mark({ ctx, place, colour }, { kind, start_s, end_s }, bottom) {
  const x = Math.round(xAt(place, start_s)) + 0.5;
  ctx.fillStyle = ctx.strokeStyle = colour("ink");
  if (kind === "peak") {
    ctx.fillRect(x, MARK_H - 5, Math.max(4, xAt(place, end_s) - x), 3);
    return;
  }
  ctx.beginPath();
  ctx.moveTo(x - 5, 2);
  ctx.lineTo(x + 5, 2);
  ctx.lineTo(x, MARK_H - 4);
  ctx.fill();
  ctx.setLineDash([2, 3]);
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x, MARK_H - 4);
  ctx.lineTo(x, bottom);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** @param {Canvas} on @param {number} y */
function axis({ ctx, place, colour }, y) {
  ctx.fillStyle = colour("quiet");
  for (const at of ticks(place)) {
    const x = xAt(place, at);
    ctx.textAlign = x - place.left < 14 ? "left" : place.right - x < 14 ? "right" : "center";
    ctx.fillText(clock(at), x, y + AXIS_H / 2 + 2);
  }
}
