/**
 * The whole call in one picture: what leads and how strong, who spoke, what alerts rest on. Zoomed by mouse, by keyboard and
 * by buttons, which a finger needs, with a cursor that reads out any moment under mouse, finger or keys.
 */
import { emotionBand, ribbons } from "../shared/band.js";
import { timeIn } from "../shared/calls.js";
import { h, setText } from "../shared/dom.js";
import { roleText } from "../shared/format.js";
import { timeAt, xAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { Curves, load, USUAL } from "./curves.js";
import { Glass } from "./glass.js";
import { lanesHeight, paintLanes } from "./lanes.js";
import { Legend } from "./legend.js";
import { momentText } from "./moment.js";
import { colour, scheme } from "./palette.js";
import { talk } from "./talk.js";
import { moved, onto, shown, WHOLE, zoomed } from "./zoom.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/geometry.js").Place} Place */
/** @typedef {import("./zoom.js").View} View */
/** @typedef {{channel: number, ribbon: HTMLCanvasElement, curves: Curves|null}} Track */

const GUTTER = 104;
const RIBBON_H = 24;
const BAND_H = 170;
const MARGIN = 8;
const FONT = "12.5px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";
const SPANS = [{ key: "two", span_s: 120 }, { key: "ten", span_s: 600 }, { key: "all", span_s: null }];
/** What is shown of a live call until the reader chooses; an ended one is shown whole. */
const LIVE_SPAN_S = 120;
const STEP = 1.6;

export class Timeline {
  /** @type {Call|null} */ #call = null;
  /** @type {View} What is shown. */ view = WHOLE;
  #now_s = 0;
  /** @type {number|null} */ #cursor_s = null;
  /** @type {typeof import("/static/vendor/uPlot.esm.js")|null|undefined} undefined: not known yet */ #uPlot = undefined;
  /** @type {Track[]} */ #tracks = [];
  #series = new Set(USUAL);
  #built = "";

  /** @param {(view: View) => void} onView told of what the reader wants to see */
  constructor(onView) {
    this.onView = onView;
    this.spans = SPANS.map(({ key, span_s }) =>
      h("button", { type: "button", t: `dash.span.${key}`, onclick: () => onView(span_s === null ? WHOLE : { span_s, end_s: null }) }));
    const zoomOut = h("button", { type: "button", "t-label": "dash.zoom.out", onclick: () => this.#zoom(STEP) }, "\u2212");
    const zoomIn = h("button", { type: "button", "t-label": "dash.zoom.in", onclick: () => this.#zoom(1 / STEP) }, "+");
    this.follow = h("button.button.follow", { type: "button", t: "dash.zoom.follow", onclick: () => onView({ ...this.view, end_s: null }) });
    this.stack = h("div.stack");
    this.lanes = canvas("lanes");
    this.glass = new Glass({
      cursor: (x) => this.#pointAt(x === null ? null : timeAt(this.#place(), x + GUTTER)),
      select: (a, b) => this.#show({ from_s: timeAt(this.#place(), a + GUTTER), to_s: timeAt(this.#place(), b + GUTTER) }),
      zoom: (x, factor) => this.#zoom(factor, timeAt(this.#place(), x + GUTTER)),
      pan: (share) => this.#pan(share),
      key: (event) => this.#key(event),
      whole: () => onView(WHOLE),
    });
    this.readout = h("p.readout.quiet", { id: "readout" });
    this.missing = h("p.remark", { t: "dash.curves.missing", hidden: true });
    this.legend = new Legend((name) => this.#toggle(name));
    this.element = h("section.panel.chart", { "t-label": "dash.timeline" },
      h("div.bar-top", {}, h("h3", { t: "dash.timeline" }), this.follow,
        h("div.segmented", { role: "group", "t-label": "dash.span" }, ...this.spans),
        h("div.segmented", { role: "group", "t-label": "dash.zoom" }, zoomOut, zoomIn)),
      this.stack, this.readout, this.legend.element, this.missing);
    new ResizeObserver(() => this.#draw()).observe(this.element);
    load().then((uPlot) => {
      this.#uPlot = uPlot;
      this.missing.hidden = uPlot !== null;
      this.#draw();
    });
  }

  /** @param {Call} call with its detail @param {number} now_ms @param {number|null|undefined} span_s undefined: as usual @param {number|null} end_s */
  show(call, now_ms, span_s, end_s) {
    if (this.#call?.call_id !== call.call_id) this.#cursor_s = null;
    const usual = call.state === "live" ? LIVE_SPAN_S : null;
    this.#call = call;
    this.#now_s = timeIn(call, now_ms);
    this.view = { span_s: span_s === undefined ? usual : span_s, end_s };
    SPANS.forEach((span, i) => this.spans[i].setAttribute("aria-pressed", String(span.span_s === this.view.span_s && end_s === null)));
    this.follow.hidden = call.state !== "live" || end_s === null || this.view.span_s === null;
    this.#draw();
  }

  #draw() {
    const call = this.#call;
    const width = this.stack.clientWidth;
    if (!call?.detail || !width || this.#uPlot === undefined) return;
    this.#build(call);
    const detail = call.detail;
    const place = this.#place();
    for (const { channel, ribbon, curves } of this.#tracks) {
      const points = detail.points[channel] ?? [];
      const on = this.#canvas(ribbon, width, curves ? RIBBON_H : BAND_H, place);
      const track = { channel, role: "", emotion: true, y: 0, ribbon_h: RIBBON_H - 4, top: RIBBON_H, bottom: BAND_H };
      this.#title(on, call, channel);
      on.ctx.save();
      on.ctx.beginPath();
      on.ctx.rect(place.left, 0, place.right - place.left, BAND_H);
      on.ctx.clip();
      if (curves) ribbons(on, track, points);
      else emotionBand(on, track, points, this.#now_s);
      on.ctx.restore();
      curves?.show(points, place, width, this.#series, colour, scheme());
    }
    const overlaps = call.channels.length > 1 ? talk(detail.turns, this.#now_s).overlaps : [];
    paintLanes(this.#canvas(this.lanes, width, lanesHeight(call, detail), place), call, detail, overlaps, this.#now_s);
    this.#say(call);
  }

  /** The parts of this call: a track for each channel on which emotion is inferred. @param {Call} call */
  #build(call) {
    const key = JSON.stringify([call.call_id, call.channels, Boolean(this.#uPlot)]);
    if (key === this.#built) return;
    this.#built = key;
    this.#tracks = call.channels.filter((channel) => channel.emotion).map(({ channel }) =>
      ({ channel, ribbon: canvas("ribbon"), curves: this.#uPlot ? new Curves(this.#uPlot) : null }));
    const parts = this.#tracks.flatMap(({ ribbon, curves }) => (curves ? [ribbon, curves.element] : [ribbon]));
    this.stack.replaceChildren(...parts, this.lanes, this.glass.element);
    this.glass.element.style.left = `${GUTTER}px`;
    this.glass.element.style.right = `${MARGIN}px`;
    this.legend.build(call, Boolean(this.#uPlot), this.#series);
  }

  /** Whose emotion it is. @param {import("../shared/band.js").Canvas} on @param {Call} call @param {number} channel */
  #title({ ctx }, call, channel) {
    ctx.textAlign = "left";
    ctx.fillStyle = colour("ink");
    ctx.fillText(roleText(call.channels.find((c) => c.channel === channel)?.role ?? ""), 0, (RIBBON_H - 4) / 2, GUTTER - 8);
  }

  /** @param {HTMLCanvasElement} element @param {number} width px @param {number} height px @param {Place} place */
  #canvas(element, width, height, place) {
    const ratio = devicePixelRatio || 1;
    const [w, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (element.width !== w || element.height !== high) {
      element.width = w;
      element.height = high;
      element.style.height = `${height}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (element.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = FONT;
    ctx.textBaseline = "middle";
    return { ctx, place, colour };
  }

  /** @param {Call} call */
  #say(call) {
    const place = this.#place();
    const at_s = Math.min(this.#cursor_s ?? this.#now_s, this.#now_s);
    const text = momentText(call, at_s);
    const pointed = this.#cursor_s !== null && at_s >= place.from_s && at_s <= place.to_s;
    setText(this.readout, pointed ? text : t("dash.timeline.hint"));
    this.readout.classList.toggle("quiet", !pointed);
    this.glass.show(pointed ? xAt(place, at_s) - GUTTER : null, { now: at_s, most: this.#now_s, text });
  }

  /** @returns {Place} */
  #place() {
    const width = this.stack.clientWidth;
    return { ...this.#shown(), left: GUTTER, right: width - MARGIN };
  }

  #shown() {
    return shown(this.view, this.#now_s, this.#call?.state === "live");
  }

  /** @param {number|null} at_s */
  #pointAt(at_s) {
    this.#cursor_s = at_s;
    this.#draw();
  }

  /** @param {import("./zoom.js").Shown} stretch */
  #show(stretch) {
    this.onView(onto(stretch, this.#now_s, this.#call?.state === "live"));
  }

  /** @param {number} factor @param {number} [at_s] what stays in place; else the cursor, else the newest */
  #zoom(factor, at_s) {
    const now = this.#shown();
    const middle = this.#cursor_s ?? (this.view.end_s === null ? now.to_s : (now.from_s + now.to_s) / 2);
    this.#show(zoomed(now, at_s ?? middle, factor));
  }

  /** @param {number} share of what is shown */
  #pan(share) {
    const now = this.#shown();
    this.#show(moved(now, share * (now.to_s - now.from_s), this.#now_s));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { from_s, to_s } = this.#shown();
    const at = this.#cursor_s ?? Math.min(to_s, this.#now_s);
    const step = (event.shiftKey ? 10 : 1) * Math.max(0.5, (to_s - from_s) / 240);
    /** @type {Record<string, () => void>} */
    const moves = {
      ArrowLeft: () => this.#pointAt(Math.max(from_s, at - step)),
      ArrowRight: () => this.#pointAt(Math.min(this.#now_s, to_s, at + step)),
      Home: () => this.#pointAt(from_s),
      End: () => this.#pointAt(Math.min(to_s, this.#now_s)),
      Escape: () => this.#pointAt(null),
      PageUp: () => this.#pan(-0.8),
      PageDown: () => this.#pan(0.8),
      "+": () => this.#zoom(1 / STEP),
      "-": () => this.#zoom(STEP),
      0: () => this.onView(WHOLE),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }

  /** @param {string} name of a series */
  #toggle(name) {
    this.#series = new Set(this.#series);
    if (!this.#series.delete(name)) this.#series.add(name);
    this.legend.press(this.#series);
    this.#draw();
  }
}

/** @param {string} name @returns {HTMLCanvasElement} */
function canvas(name) {
  return /** @type {HTMLCanvasElement} */ (h(`canvas.${name}`, { "aria-hidden": "true" }));
}
