/**
 * Draws one channel's emotion over time: the leading label on top, the scores stacked below, arousal as a line.
 *
 * @typedef {import("./geometry.js").Track} Track
 * @typedef {import("./geometry.js").Stretch} Stretch
 * @typedef {(name: string) => string} Colour the value of a custom property of theme.css
 * @typedef {{ctx: CanvasRenderingContext2D, place: import("./geometry.js").Place, colour: Colour}} Canvas
 */
import { runs, stretches, unusable, xAt } from "./geometry.js";
import { labelShape, labelText, STACK } from "./labels.js";

/** Fills on which dark text would be hard to read in the light theme. */
const DARK_FILLS = new Set(["disgusted", "other", "sad", "unknown"]);

/** @param {Canvas} on @param {Track} track @param {import("./detail.js").Point[]} points @param {number} now_s */
export function emotionBand(on, track, points, now_s) {
  stretchBand(on, track, stretches(points, on.place.from_s).filter((s) => s.from_s <= on.place.to_s));
  on.ctx.textAlign = "center";
  on.ctx.fillStyle = on.colour("quiet");
  for (const { from_s, to_s } of unusable(points, now_s)) {
    const [a, b] = [Math.max(on.place.left, xAt(on.place, from_s)), Math.min(on.place.right, xAt(on.place, to_s))];
    if (b - a > 110) on.ctx.fillText(labelText(null), (a + b) / 2, (track.top + track.bottom) / 2);
  }
}

/** What is known, stretch by stretch. @param {Canvas} on @param {Track} track @param {Stretch[]} all in time order */
export function stretchBand(on, track, all) {
  for (const run of runs(all)) stack(on, track, run);
  for (const run of runs(all, (a, b) => a.point.reliability === b.point.reliability)) {
    if (run[0].point.reliability === "low") hatch(on, track, run[0].from_s, run[run.length - 1].to_s);
  }
  for (const run of runs(all)) arousal(on, track, run);
  leading(on, track, all);
}

/** Only what leads. @param {Canvas} on @param {Track} track @param {import("./detail.js").Point[]} points */
export function ribbons(on, track, points) {
  leading(on, track, stretches(points, on.place.from_s).filter((s) => s.from_s <= on.place.to_s));
}

/** @param {Canvas} on @param {Track} track @param {Stretch[]} all */
function leading(on, track, all) {
  for (const run of runs(all, (a, b) => a.point.label === b.point.label)) ribbon(on, track, run);
}

/** Points of a run as corners, at most about two a pixel. @param {Canvas} on @param {Stretch[]} run */
function corners({ place }, run) {
  const width = xAt(place, run[run.length - 1].to_s) - xAt(place, run[0].from_s);
  const stride = Math.max(1, Math.ceil(run.length / Math.max(1, width * 2)));
  const kept = run.filter((_, i) => i % stride === 0 || i === run.length - 1);
  return [{ x: xAt(place, run[0].from_s), point: run[0].point }, ...kept.map((s) => ({ x: xAt(place, s.to_s), point: s.point }))];
}

/** @param {Canvas} on @param {Track} track @param {Stretch[]} run */
function stack(on, track, run) {
  const { ctx, colour } = on;
  const at = corners(on, run);
  const height = track.bottom - track.top;
  let floor = at.map(() => 0);
  for (const label of STACK) {
    const roof = at.map(({ point }, i) => floor[i] + (point.scores[label] ?? 0));
    if (roof.some((r, i) => r > floor[i])) {
      ctx.beginPath();
      at.forEach(({ x }, i) => ctx.lineTo(x, track.bottom - roof[i] * height));
      for (let i = at.length - 1; i >= 0; i--) ctx.lineTo(at[i].x, track.bottom - floor[i] * height);
      ctx.closePath();
      ctx.fillStyle = colour(label);
      ctx.fill();
      ctx.strokeStyle = colour("surface");
      ctx.lineWidth = 0.75;
      ctx.stroke();
    }
    floor = roof;
  }
}

/** @param {Canvas} on @param {Track} track @param {Stretch[]} run */
function arousal(on, track, run) {
  const { ctx, colour } = on;
  ctx.beginPath();
  for (const { x, point } of corners(on, run)) ctx.lineTo(x, track.bottom - (point.arousal ?? 0) * (track.bottom - track.top));
  ctx.lineJoin = "round";
  for (const [name, width] of /** @type {[string, number][]} */ ([["surface", 5], ["ink", 2]])) {
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = width;
    ctx.stroke();
  }
}

/** @param {Canvas} on @param {Track} track @param {number} from_s @param {number} to_s */
export function hatch({ ctx, place, colour }, track, from_s, to_s) {
  const [a, b] = [xAt(place, from_s), xAt(place, to_s)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(a, track.top, b - a, track.bottom - track.top);
  ctx.clip();
  ctx.beginPath();
  const h = track.bottom - track.top;
  for (let x = a - h - (a % 7); x < b; x += 7) {
    ctx.moveTo(x, track.bottom);
    ctx.lineTo(x + h, track.top);
  }
  ctx.strokeStyle = colour("surface");
  ctx.globalAlpha = 0.75;
  ctx.lineWidth = 1.5;
  ctx.stroke();
  ctx.restore();
}

/** The leading label: its word where it fits, else its shape. @param {Canvas} on @param {Track} track @param {Stretch[]} run */
function ribbon({ ctx, place, colour }, track, run) {
  const label = run[0].point.label ?? "unknown";
  const [a, b] = [xAt(place, run[0].from_s), xAt(place, run[run.length - 1].to_s)];
  ctx.fillStyle = colour(label);
  ctx.fillRect(a, track.y, Math.max(1, b - a - 1), track.ribbon_h);
  const text = labelText(label);
  const [from, to] = [Math.max(a, place.left), Math.min(b, place.right)];
  const [middle_x, middle_y] = [(from + to) / 2, track.y + track.ribbon_h / 2];
  ctx.textAlign = "center";
  ctx.fillStyle = colour(DARK_FILLS.has(label) ? "on-dark" : "on-light");
  if (ctx.measureText(text).width <= to - from - 8) ctx.fillText(text, middle_x, middle_y + 0.5);
  else if (to - from >= 14) shape(ctx, label, middle_x, middle_y);
}

/** @param {CanvasRenderingContext2D} ctx @param {string} label @param {number} x centre @param {number} y centre */
function shape(ctx, label, x, y) {
  ctx.save();
  ctx.translate(x - 5, y - 5);
  ctx.scale(10 / 24, 10 / 24);
  ctx.fill(new Path2D(labelShape(label)), "evenodd");
  ctx.restore();
}
