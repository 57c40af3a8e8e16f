/** The timeline element: canvas, span choice, and a cursor that mouse, finger and keyboard move alike. */
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, sentence, speakerText } from "../shared/format.js";
import { layout, pointAt, timeAt } from "../shared/geometry.js";
import { labelText, LABELS, ranked } from "../shared/labels.js";
import { paint } from "../shared/paint.js";
import { turnsAt } from "../shared/turns.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/geometry.js").Layout} Layout */

const SPANS = [
  { text: "2 min", name: "the last two minutes", span_s: 120 },
  { text: "10 min", name: "the last ten minutes", span_s: 600 },
  { text: "All", name: "the whole call", span_s: null },
];
/** Shown of a live call until the visitor chooses; an ended one is shown whole. */
const LIVE_SPAN_S = 120;
const HINT = "Point at the chart, or move along it with the arrow keys, to read a moment.";

export class Timeline {
  /** @type {Layout|null} */ #place = null;
  /** @type {Call|null} */ #call = null;
  /** @type {number|null} */ #span_s = LIVE_SPAN_S;
  #chosen = false;
  /** @type {number|null} */ #cursor_s = null;
  #now_s = 0;
  /** @type {Map<string, string>} */ #colours = new Map();

  constructor() {
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", { tabindex: "0", role: "slider", "aria-label": "Moment in the call", "aria-valuemin": "0", "aria-describedby": "readout" })
    );
    this.readout = h("p.readout.quiet", { id: "readout" }, HINT);
    this.legend = h("ul.legend", { "aria-label": "Legend" });
    this.spans = SPANS.map(({ name, span_s }) => /** @type {HTMLInputElement} */ (
      h("input", { type: "radio", name: "span", "aria-label": `Show ${name}`, onchange: () => this.#spanTo(span_s, true) })));
    const spans = SPANS.map(({ text }, i) => h("label", {}, this.spans[i], h("span", {}, text)));
    this.element = h("section.panel.chart", { "aria-label": "Timeline" },
      h("div.bar-top", {}, h("h4", {}, "Emotion and speakers over the call"), h("fieldset.spans", { "aria-label": "Time shown" }, ...spans)),
      this.canvas, this.readout, this.legend);
    this.canvas.addEventListener("pointermove", (event) => this.#moveTo(timeAt(this.#placed(), event.offsetX)));
    this.canvas.addEventListener("pointerdown", (event) => this.#moveTo(timeAt(this.#placed(), event.offsetX)));
    this.canvas.addEventListener("pointerleave", () => this.#moveTo(null));
    this.canvas.addEventListener("blur", () => this.#moveTo(null));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#colours.clear());
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** @param {Call} call with its detail @param {number} now_s seconds into the call */
  show(call, now_s) {
    if (this.#call?.call_id !== call.call_id) {
      this.#cursor_s = null;
      if (!this.#chosen) this.#spanTo(call.state === "live" ? LIVE_SPAN_S : null, false);
    }
    if (this.#call?.models !== call.models) this.#listLabels(call.models.emotion?.labels ?? LABELS);
    this.#call = call;
    this.#now_s = now_s;
    this.#draw();
  }

  /** @param {number|null} span_s @param {boolean} chosen by the visitor */
  #spanTo(span_s, chosen) {
    this.#span_s = span_s;
    this.#chosen ||= chosen;
    SPANS.forEach((span, i) => (this.spans[i].checked = span.span_s === span_s));
    if (chosen) this.#draw();
  }

  #draw() {
    const [call, width] = [this.#call, this.canvas.clientWidth];
    if (!call?.detail || !width) return;
    const place = layout(call, call.detail, this.#now_s, this.#span_s, width);
    this.#place = place;
    const ratio = devicePixelRatio || 1;
    const [w, height] = [Math.round(width * ratio), Math.round(place.height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== height) {
      this.canvas.width = w;
      this.canvas.height = height;
      this.canvas.style.height = `${place.height}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint({ ctx, place, colour: (name) => this.#colour(name) }, call.detail, call.names, this.#now_s, this.#cursor_s);
    this.#say(call);
  }

  /** @param {Call} call */
  #say(call) {
    const at = this.#cursor_s ?? this.#now_s;
    const text = describe(call, at);
    setText(this.readout, this.#cursor_s === null ? HINT : text);
    this.readout.classList.toggle("quiet", this.#cursor_s === null);
    this.canvas.setAttribute("aria-valuemax", String(Math.floor(this.#now_s)));
    this.canvas.setAttribute("aria-valuenow", String(Math.floor(at)));
    this.canvas.setAttribute("aria-valuetext", text);
  }

  /** @param {number|null} t */
  #moveTo(t) {
    this.#cursor_s = t === null ? null : Math.min(t, this.#now_s);
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { from_s } = this.#placed();
    const at = this.#cursor_s ?? this.#now_s;
    const step = event.shiftKey ? 10 : 1;
    /** @type {Record<string, number|null>} */
    const moves = { ArrowLeft: Math.max(from_s, at - step), ArrowRight: at + step, Home: from_s, End: this.#now_s, Escape: null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.#moveTo(moves[event.key]);
  }

  /** @param {string[]} labels that the model knows */
  #listLabels(labels) {
    const items = LABELS.filter((label) => labels.includes(label)).map((label) => h("li", {}, glyph(label), labelText(label)));
    const key = (/** @type {string} */ kind, /** @type {string} */ text) => h("li", {}, h(`span.key-${kind}`, {}), text);
    this.legend.replaceChildren(...items, key("line", "Arousal"), key("hatch", "Low reliability"), key("mark", "Speaker changed"));
  }

  /** @param {string} name */
  #colour(name) {
    const known = this.#colours.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    this.#colours.set(name, known);
    return known;
  }

  /** @returns {Layout} */
  #placed() {
    return /** @type {Layout} */ (this.#place);
  }
}

/** One moment in words. @param {Call} call @param {number} t @returns {string} */
export function describe(call, t) {
  const detail = /** @type {import("../shared/detail.js").Detail} */ (call.detail);
  const feelings = call.channels.filter((channel) => channel.emotion).map((channel) => {
    const point = pointAt(detail.points[channel.channel] ?? [], t);
    if (!point) return `${sentence(channel.role)}: no usable speech`;
    const scores = ranked(point.scores, 0.1).slice(0, 3).map(({ label, score }) => `${label} ${percent(score)}`);
    return `${sentence(channel.role)}: ${scores.join(", ")}; arousal ${(point.arousal ?? 0).toFixed(2)}; ${point.reliability} reliability`;
  });
  const talking = [...new Set(turnsAt(detail.turns, t).map((turn) => speakerText(turn.speaker, call.names)))];
  return [clock(t), ...feelings, talking.length ? `speaking: ${talking.join(" and ")}` : "nobody speaks"].join(" \u00b7 ");
}
