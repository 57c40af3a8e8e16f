/**
 * Draws the timeline: axis, emotion bands, speaker lanes and marks. Takes everything it needs as arguments.
 *
 * @typedef {import("./geometry.js").Layout} Layout
 * @typedef {import("./geometry.js").Track} Track
 * @typedef {import("./detail.js").Detail} Detail
 * @typedef {(name: string) => string} Colour the value of a custom property of theme.css
 * @typedef {{ctx: CanvasRenderingContext2D, place: Layout, colour: Colour}} Canvas
 */
import { emotionBand } from "./band.js";
import { clock, roleText, speakerShort } from "./format.js";
import { LANE_H, ticks, xAt } from "./geometry.js";
import { t as say } from "./i18n.js";

const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";
const LANES = 6;

/** @param {Canvas} on @param {Detail} detail @param {Record<string, string>} names @param {number} now_s @param {number|null} cursor_s */
export function paint(on, detail, names, now_s, cursor_s) {
  const { ctx, place, colour } = on;
  ctx.clearRect(0, 0, place.width, place.height);
  ctx.font = FONT;
  ctx.textBaseline = "middle";
  grid(on);
  for (const track of place.tracks) gutterTrack(on, track);
  place.lanes.forEach((lane, i) => gutterLane(on, lane.speaker, names, lane.y, i));
  ctx.save();
  ctx.beginPath();
  ctx.rect(place.left, 0, place.right - place.left, place.height);
  ctx.clip();
  for (const track of place.tracks) if (track.emotion) emotionBand(on, track, detail.points[track.channel] ?? [], now_s);
  lanes(on, detail, now_s);
  marks(on, detail);
  ctx.restore();
  if (cursor_s !== null) line(on, cursor_s, 0, place.axis_y, colour("accent"), 2, []);
}

/** @param {Canvas} on */
function grid({ ctx, place, colour }) {
  ctx.strokeStyle = colour("line");
  ctx.lineWidth = 1;
  ctx.textAlign = "center";
  ctx.fillStyle = colour("quiet");
  for (const t of ticks(place)) {
    const x = Math.round(xAt(place, t)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, 0);
    ctx.lineTo(x, place.axis_y + 4);
    ctx.stroke();
    ctx.fillText(clock(t), Math.min(x, place.right - 12), place.axis_y + 14);
  }
}

/** @param {Canvas} on @param {Track} track */
function gutterTrack({ ctx, place, colour }, track) {
  ctx.textAlign = "left";
  ctx.fillStyle = colour("ink");
  ctx.fillText(roleText(track.role), 0, track.y + track.ribbon_h / 2, place.left - 8);
  if (!track.emotion) {
    ctx.fillStyle = colour("quiet");
    ctx.fillText(say("shared.emotion_not_inferred"), place.left + 6, track.y + track.ribbon_h / 2);
    return;
  }
  ctx.fillStyle = colour("raised");
  ctx.fillRect(place.left, track.top, place.right - place.left, track.bottom - track.top);
  ctx.textAlign = "right";
  ctx.fillStyle = colour("quiet");
  ctx.fillText("100\u00a0%", place.left - 8, track.top + 6);
  ctx.fillText("0", place.left - 8, track.bottom - 5);
}

/** @param {Canvas} on @param {string|null} speaker @param {Record<string, string>} names @param {number} y @param {number} i */
function gutterLane({ ctx, place, colour }, speaker, names, y, i) {
  ctx.textAlign = "left";
  ctx.fillStyle = laneColour(colour, speaker, i);
  ctx.fillRect(0, y + 6, 10, 10);
  ctx.fillStyle = colour("ink");
  ctx.fillText(speakerShort(speaker, names), 16, y + LANE_H / 2, place.left - 24);
}

/** @param {Canvas} on @param {Detail} detail @param {number} now_s */
function lanes({ ctx, place, colour }, detail, now_s) {
  place.lanes.forEach((lane, i) => {
    const middle = lane.y + LANE_H / 2;
    ctx.fillStyle = colour("line");
    ctx.fillRect(place.left, middle - 0.5, place.right - place.left, 1);
    ctx.fillStyle = laneColour(colour, lane.speaker, i);
    for (const turn of detail.turns) {
      const end_s = turn.end_s ?? now_s;
      if (turn.speaker !== lane.speaker || end_s < place.from_s || turn.start_s > place.to_s) continue;
      const x = xAt(place, turn.start_s);
      ctx.beginPath();
      ctx.roundRect(x, lane.y + 4, Math.max(2, xAt(place, end_s) - x - 1), LANE_H - 8, 3);
      ctx.fill();
    }
  });
}

/** Where the floor passed on. @param {Canvas} on @param {Detail} detail */
function marks(on, detail) {
  const { ctx, place, colour } = on;
  const shown = detail.changes.filter((c) => c.from !== null && c.t >= place.from_s && c.t <= place.to_s);
  const crowded = shown.length > (place.right - place.left) / 14;
  for (const change of shown) {
    const x = xAt(place, change.t);
    if (!crowded) for (const track of place.tracks) if (track.emotion) line(on, change.t, track.y, track.bottom, colour("mark"), 1, [2, 3]);
    line(on, change.t, place.lanes_y, place.axis_y - 4, colour("mark"), 1, [2, 3]);
    ctx.fillStyle = colour("ink");
    ctx.beginPath();
    ctx.moveTo(x - 4, place.lanes_y - 6);
    ctx.lineTo(x + 4, place.lanes_y - 6);
    ctx.lineTo(x, place.lanes_y);
    ctx.fill();
  }
}

/** @param {Canvas} on @param {number} t @param {number} y0 @param {number} y1 @param {string} style @param {number} width @param {number[]} dash */
function line({ ctx, place }, t, y0, y1, style, width, dash) {
  const x = Math.round(xAt(place, t)) + 0.5;
  ctx.save();
  ctx.setLineDash(dash);
  ctx.strokeStyle = style;
  ctx.lineWidth = width;
  ctx.beginPath();
  ctx.moveTo(x, y0);
  ctx.lineTo(x, y1);
  ctx.stroke();
  ctx.restore();
}

/** @param {Colour} colour @param {string|null} speaker @param {number} i */
function laneColour(colour, speaker, i) {
  return colour(speaker === null ? "quiet" : `lane-${(i % LANES) + 1}`);
}
