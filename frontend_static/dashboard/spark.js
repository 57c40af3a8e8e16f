/** The last three minutes of a call as a small picture: distress as an area, arousal as a thin line. */
import { BIN_S, binsUntil, MOST_BINS } from "../shared/pulse.js";
import { colour, scheme } from "./palette.js";
import { ENTER } from "./ranking.js";

/** @typedef {import("../shared/pulse.js").Bin} Bin */
/** @typedef {import("./ranking.js").Level} Level */

/** What each level is painted in. */
const PAINT = { help: "bad", watch: "warn", calm: "quiet" };
const BOTTOM = 1.5;
/** Sizes are told, not asked for: asking lays the page out anew. @type {WeakMap<Element, Spark>} */
const watched = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) watched.get(target)?.resize(contentRect.width, contentRect.height);
});

export class Spark {
  /** @type {string} What is on the canvas. */ #drawn = "";
  /** @type {[import("../shared/pulse.js").Pulse, Level, number]|null} What is to be. */ #wanted = null;
  #width = 0;
  #height = 0;

  constructor() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "spark";
    this.canvas.setAttribute("aria-hidden", "true"); // The sentence and the number beside it say the same.
    watched.set(this.canvas, this);
    sizes.observe(this.canvas);
  }

  /** @param {number} width px @param {number} height px */
  resize(width, height) {
    [this.#width, this.#height] = [width, height];
    if (this.#wanted) this.show(...this.#wanted);
  }

  /** Draws anew with every bin. @param {import("../shared/pulse.js").Pulse} pulse @param {Level} level @param {number} now_s */
  show(pulse, level, now_s) {
    this.#wanted = [pulse, level, now_s];
    const [width, height, until] = [this.#width, this.#height, Math.floor(now_s / BIN_S)];
    const key = [width, height, devicePixelRatio, level, until, pulse.bins.at(-1)?.n, scheme()].join();
    if (key === this.#drawn || !width) return;
    this.#drawn = key;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    ctx.scale(devicePixelRatio, devicePixelRatio);
    const x = (/** @type {number} */ n) => width - ((until - n) / (MOST_BINS - 1)) * (width - 1) - 1;
    const y = (/** @type {number} */ value) => height - BOTTOM - value * (height - 2 * BOTTOM);
    threshold(ctx, y(ENTER.help), width, colour("quiet"));
    const bins = binsUntil(pulse, now_s);
    area(ctx, bins, x, y, colour(PAINT[level]));
    arousal(ctx, bins, x, y, colour("quiet"));
  }
}

/** From here on a call needs help. */
function threshold(/** @type {CanvasRenderingContext2D} */ ctx, /** @type {number} */ y, /** @type {number} */ width, /** @type {string} */ style) {
  ctx.setLineDash([2, 3]);
  ctx.globalAlpha = 0.45;
  ctx.strokeStyle = style;
  ctx.beginPath();
  ctx.moveTo(0, Math.round(y) + 0.5);
  ctx.lineTo(width, Math.round(y) + 0.5);
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
}

/** @typedef {(value: number) => number} Place */

/** @param {CanvasRenderingContext2D} ctx @param {Bin[]} bins @param {Place} x @param {Place} y @param {string} style */
function area(ctx, bins, x, y, style) {
  if (!bins.length) return;
  ctx.beginPath();
  for (const bin of bins) ctx.lineTo(x(bin.n), y(bin.distress));
  ctx.strokeStyle = style;
  ctx.lineWidth = 1.75;
  ctx.lineJoin = "round";
  ctx.stroke();
  ctx.lineTo(x(bins[bins.length - 1].n), y(0));
  ctx.lineTo(x(bins[0].n), y(0));
  ctx.closePath();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = style;
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** Broken where nobody was heard. @param {CanvasRenderingContext2D} ctx @param {Bin[]} bins @param {Place} x @param {Place} y @param {string} style */
function arousal(ctx, bins, x, y, style) {
  ctx.beginPath();
  let broken = true;
  for (const bin of bins) {
    if (bin.arousal !== null) ctx[broken ? "moveTo" : "lineTo"](x(bin.n), y(bin.arousal));
    broken = bin.arousal === null;
  }
  ctx.strokeStyle = style;
  ctx.lineWidth = 1;
  ctx.globalAlpha = 0.75;
  ctx.stroke();
  ctx.globalAlpha = 1;
}
