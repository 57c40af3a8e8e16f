/** The scores of every frame, a lane for each feeling that comes up at all. */
import { h } from "../shared/dom.js";
import { clock, percent } from "../shared/format.js";
import { ticks, xAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";
import { ridges } from "./course.js";
import { Drawing } from "./drawing.js";

/** @typedef {import("./course.js").Frames} Frames */

const CAPTION_H = 18;
const RIDGE_H = 34;
const AXIS_H = 22;

export class FrameView {
  /** @type {Frames[]} */ #frames = [];

  constructor() {
    this.drawing = new Drawing((ctx, colour, width) => this.#paint(ctx, colour, width));
    this.drawing.element.setAttribute("role", "img");
    this.drawing.element.removeAttribute("aria-hidden");
    this.note = h("p.quiet");
    this.element = h("section.panel.frames", { "t-label": "work.frames" }, h("h3", { t: "work.frames" }), this.note, this.drawing.element);
  }

  /** @param {Frames[]} frames a channel each @param {boolean} asked whether frames were asked for; of long recordings they are in the files only */
  show(frames, asked) {
    this.element.hidden = !asked;
    if (!asked) return;
    this.#frames = frames;
    this.note.textContent = frames.length ? t("work.frames.about", { count: frames[0].scores.length, ms: frames[0].frame_s * 1000 }) : t("work.frames.too_long");
    this.drawing.element.hidden = !frames.length;
    const peaks = ridges(frames[0] ?? { channel: 0, frame_s: 0, labels: [], scores: [] }, 1).map(({ label, means }) => `${labelText(label)} ${percent(means[0])}`);
    this.drawing.element.setAttribute("aria-label", t("work.frames.says", { scores: peaks.join(", ") }));
    this.drawing.draw();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {(name: string) => string} colour @param {number} width */
  #paint(ctx, colour, width) {
    ctx.clearRect(0, 0, width, 10_000);
    ctx.textBaseline = "middle";
    let y = 0;
    for (const frames of this.#frames) {
      const place = { from_s: 0, to_s: frames.scores.length * frames.frame_s, left: 0, right: width };
      for (const { label, means } of ridges(frames, width)) {
        ctx.textAlign = "left";
        ctx.fillStyle = colour("quiet");
        ctx.fillText(this.#frames.length > 1 ? `${t("work.channel", { number: frames.channel + 1 })}: ${labelText(label)}` : labelText(label), 0, y + CAPTION_H / 2);
        y += CAPTION_H;
        ridge(ctx, means, y, colour(label), colour("raised"));
        y += RIDGE_H;
      }
      ctx.fillStyle = colour("quiet");
      for (const at of ticks(place)) {
        const x = xAt(place, at);
        ctx.textAlign = x < 14 ? "left" : width - x < 14 ? "right" : "center";
        ctx.fillText(clock(at), x, y + AXIS_H / 2 + 2);
      }
      y += AXIS_H;
    }
    return y;
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Float64Array} means a column each @param {number} y @param {string} fill @param {string} ground */
function ridge(ctx, means, y, fill, ground) {
  ctx.fillStyle = ground;
  ctx.fillRect(0, y, means.length, RIDGE_H);
  ctx.fillStyle = fill;
  means.forEach((mean, x) => {
    if (!Number.isNaN(mean)) ctx.fillRect(x, y + RIDGE_H * (1 - mean), 1, RIDGE_H * mean);
  });
}
