/** The last minutes, rolling: feeling in words and shapes, energy as a curve, who spoke as lanes, changes as marks. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { labelWord } from "../shared/labels.js";
import { focus, timeIn } from "./listening.js";
import { gapText } from "./past.js";
import { lanesOf } from "./striplanes.js";
import { paintStrip, stripHeight } from "./strippaint.js";

/** @typedef {import("./listening.js").Heard} Heard */

/** Shown of a live call: the shortest that it fills, the last one on a wide page only. */
const SPANS_S = [30, 60, 120];
const NARROW_PX = 560;
/** A shorter whole call is shown at this length. */
const SHORTEST_S = 10;
/** The picture moves a few pixels in a second: more frames would show nothing more. */
const FRAME_MS = 66;
const CALM_FRAME_MS = 1000;
/** What a screen reader may read of the strip is worked out no more often than this. */
const DESCRIBE_EVERY_MS = 5000;

export class Strip {
  /** @type {Heard|null} */ #heard = null;
  #over = false;
  /** @type {Map<string, string>} */ #colours = new Map();
  #drawn_ms = 0;
  #described_ms = 0;
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor() {
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img" }));
    this.title = h("h2");
    this.element = h("section.panel.strip", {}, h("div.heading", {}, this.title, h("p.hint", { t: "mic.strip.key" })), this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#colours.clear());
    new ResizeObserver(() => this.#draw(Date.now())).observe(this.canvas);
  }

  /** @param {Heard} heard @param {number} now_ms @param {boolean} over whether no other call follows: it is shown as a whole */
  show(heard, now_ms, over) {
    const ended = over !== this.#over;
    [this.#heard, this.#over] = [heard, over];
    if (ended || now_ms - this.#drawn_ms >= (this.#still.matches ? CALM_FRAME_MS : FRAME_MS)) this.#draw(now_ms);
    if (ended || now_ms - this.#described_ms >= DESCRIBE_EVERY_MS) this.#describe(now_ms);
  }

  /** Writes its words anew, in the language in force. */
  relabel() {
    this.#describe(Date.now());
    this.#draw(Date.now());
  }

  /** @param {number} now_ms */
  #draw(now_ms) {
    const [heard, width] = [this.#heard, this.canvas.clientWidth];
    if (!heard || !width) return;
    this.#drawn_ms = now_ms;
    const now_s = timeIn(heard, now_ms);
    const whole = this.#over;
    const span_s = whole ? Math.max(now_s, SHORTEST_S) : span(width, heard, now_s);
    const frame = { width, from_s: (whole ? span_s : now_s) - span_s, span_s, now_s, whole };
    const lanes = lanesOf(heard, frame.from_s);
    const height = stripHeight(width, lanes.length);
    const ratio = devicePixelRatio || 1;
    const [w, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== tall) {
      this.canvas.width = w;
      this.canvas.height = tall;
      this.canvas.style.height = `${height}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.font = `12px ${getComputedStyle(this.canvas).fontFamily}`;
    paintStrip({ ctx, colour: (name) => this.#colour(name) }, heard, lanes, { ...frame, height });
  }

  /** @param {number} now_ms */
  #describe(now_ms) {
    const heard = this.#heard;
    if (!heard) return;
    this.#described_ms = now_ms;
    const now_s = timeIn(heard, now_ms);
    const span_s = this.#over ? now_s : span(this.canvas.clientWidth, heard, now_s);
    const words = span_s < 60 ? t("mic.strip.seconds", { count: span_s }) : t("mic.strip.minutes", { count: span_s / 60 });
    const title = this.#over ? t("mic.strip.whole") : t("mic.strip", { span: words });
    setText(this.title, title);
    this.canvas.setAttribute("aria-label", `${title}: ${described(heard, now_s - span_s)}`);
  }

  /** @param {string} name */
  #colour(name) {
    const known = this.#colours.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    this.#colours.set(name, known);
    return known;
  }
}

/** How many seconds of a live call, and of those before that broke off, are shown. @param {number} width px @param {Heard} heard @param {number} now_s @returns {number} */
export function span(width, heard, now_s) {
  const spans = width < NARROW_PX ? SPANS_S.slice(0, -1) : SPANS_S;
  const first_s = Math.min(0, ...heard.past.flatMap((past) => past.turns.map((turn) => turn.start_s)));
  return spans.find((span_s) => span_s >= now_s - first_s) ?? spans[spans.length - 1];
}

/** What the strip shows since `from_s`, in a sentence or two. @param {Heard} heard @param {number} from_s @returns {string} */
export function described(heard, from_s) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  const points = heard.detail.points[focus(heard)?.channel ?? 0] ?? [];
  for (const { t: at, label } of [...heard.past.flatMap((past) => past.points), ...points]) {
    if (at >= from_s && label) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  if (!most) return t("mic.strip.says.nothing");
  const changes = heard.detail.changes.filter((change) => change.from !== null && change.t >= from_s).length;
  const strip = t("mic.strip.says", {
    label: labelWord(most[0]),
    voices: t("mic.strip.says.voices", { count: lanesOf(heard, from_s).length }),
    changes: t("mic.strip.says.changes", { count: changes }),
  });
  const gap = heard.past.findLast((past) => past.next_s > from_s);
  return gap ? t("mic.strip.says.break", { strip, gap: gapText(gap) }) : strip;
}
