/**
 * Emotion over time as curves, drawn by uPlot where it is installed. Zoom, cursor and axis of time belong to the
 * timeline around it, which is the same without.
 *
 * @typedef {import("../shared/detail.js").Point} Point
 * @typedef {import("../shared/geometry.js").Place} Place
 * @typedef {import("/static/vendor/uPlot.esm.js")} Plot
 */
import { h } from "../shared/dom.js";
import { LABELS } from "../shared/labels.js";

const STYLE = "/static/vendor/uPlot.min.css";
export const CURVES_H = 150;
/** A longer time without a score is a gap. */
const LONGEST_HOP_S = 2.1;
export const AROUSAL = "arousal";
/** What is drawn, what matters most last and so on top. */
export const SERIES = [...LABELS.filter((label) => label !== "angry" && label !== "fearful"), AROUSAL, "fearful", "angry"];
/** Shown until the reader chooses. */
export const USUAL = ["angry", "fearful", AROUSAL];

/** Lines differ in their dashes too: colours alone do not tell everyone. @type {Record<string, number[]>} */
export const DASHES = {
  angry: [], fearful: [9, 4], arousal: [2, 3], sad: [12, 3, 2, 3], disgusted: [5, 3], surprised: [1, 4], happy: [14, 4],
  neutral: [3, 6], other: [7, 2, 2, 2], unknown: [1, 2],
};
const WIDTHS = /** @type {Record<string, number>} */ ({ angry: 2.5, fearful: 2.25, arousal: 1.5 });

/** @returns {Promise<typeof import("/static/vendor/uPlot.esm.js")|null>} null: it is not installed */
export async function load() {
  try {
    const { default: uPlot } = await import("/static/vendor/uPlot.esm.js");
    const style = document.createElement("link");
    Object.assign(style, { rel: "stylesheet", href: STYLE });
    document.head.append(style);
    return uPlot;
  } catch {
    return null;
  }
}

export class Curves {
  /** @type {Plot|null} */ #plot = null;
  /** @type {Point[]|null} */ #drawn = null;
  /** @type {Place|null} */ #place = null;
  #look = "";

  /** @param {typeof import("/static/vendor/uPlot.esm.js")} uPlot */
  constructor(uPlot) {
    this.uPlot = uPlot;
    this.element = h("div.curves", { "aria-hidden": "true" });
  }

  /**
   * @param {Point[]} points of one channel @param {Place} place @param {number} width px @param {Set<string>} shown series
   * @param {(name: string) => string} colour @param {string} scheme
   */
  show(points, place, width, shown, colour, scheme) {
    const look = [width, scheme, ...shown].join();
    const moved = this.#place?.from_s !== place.from_s || this.#place?.to_s !== place.to_s;
    this.#place = place;
    if (look !== this.#look) {
      this.#look = look;
      this.#plot?.destroy();
      this.#plot = new this.uPlot(this.#options(width, shown, colour), aligned(points), this.element);
    } else if (points !== this.#drawn) this.#plot?.setData(aligned(points));
    else if (moved) this.#plot?.setScale("x", { min: place.from_s, max: place.to_s });
    this.#drawn = points;
  }

  /** @param {number} width @param {Set<string>} shown @param {(name: string) => string} colour @returns {import("/static/vendor/uPlot.esm.js").Options} */
  #options(width, shown, colour) {
    const { left, right } = /** @type {Place} */ (this.#place);
    const quiet = colour("quiet");
    return {
      width,
      height: CURVES_H,
      padding: [8, width - right, 6, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [this.#place?.from_s ?? 0, this.#place?.to_s ?? 1] },
        y: { range: [0, 1] },
      },
      axes: [
        { show: false },
        { size: left, stroke: quiet, font: "12px system-ui, sans-serif", gap: 8, splits: () => [0, 0.5, 1],
          values: (_, splits) => splits.map((v) => `${Math.round(v * 100)}\u00a0%`), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } },
      ],
      series: [{}, ...SERIES.map((name) => ({
        show: shown.has(name),
        stroke: colour(name === AROUSAL ? "ink" : name),
        width: WIDTHS[name] ?? 1.75,
        dash: DASHES[name],
        fill: name === "angry" ? `${colour("angry")}2b` : undefined,
        points: { show: false },
        spanGaps: false,
      }))],
    };
  }
}

/** Columns as uPlot takes them: times, then each series; null where nothing usable was heard. @param {Point[]} points @returns {import("/static/vendor/uPlot.esm.js").AlignedData} */
export function aligned(points) {
  /** @type {number[]} */
  const times = [];
  /** @type {(number|null)[][]} */
  const columns = SERIES.map(() => []);
  points.forEach((point, i) => {
    if (i && point.t - points[i - 1].t > LONGEST_HOP_S) {
      times.push(points[i - 1].t + 0.01);
      for (const column of columns) column.push(null);
    }
    times.push(point.t);
    const usable = point.reliability !== "unusable";
    SERIES.forEach((name, c) => columns[c].push(!usable ? null : name === AROUSAL ? point.arousal : (point.scores[name] ?? 0)));
  });
  return /** @type {any} */ ([times, ...columns]);
}
