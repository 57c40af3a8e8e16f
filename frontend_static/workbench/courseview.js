/** The recording over time, to look at and to listen to: any place on it plays from there, and so do its telling moments. */
import { h, setText } from "../shared/dom.js";
import { clock, percent } from "../shared/format.js";
import { timeAt, xAt } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";
import { pointAt } from "./course.js";
import { courseHeight, layout, paintCourse } from "./coursepaint.js";
import { Drawing } from "./drawing.js";
import { Player } from "./player.js";
import { sentenceText } from "./words.js";

/** @typedef {import("./entries.js").Prediction} Prediction */

/** A turning point is heard with what comes before it. */
const BEFORE_TURN_S = 2;
const STEP_S = 1;
const STRIDE_S = 10;

export class CourseView {
  /** @type {Prediction|null} */ #prediction = null;

  constructor() {
    this.player = new Player(() => this.#follow());
    this.button = h("button.button.primary.play", { type: "button", onclick: () => this.player.toggle() });
    this.time = h("span.time");
    this.said = h("span.said");
    this.note = h("p.quiet", { hidden: true, t: "work.unplayable" });
    this.drawing = new Drawing((ctx, colour, width) => this.#paint(ctx, colour, width));
    this.cursor = h("i.cursor");
    this.glass = h("div.glass", { tabindex: "0", role: "slider", "t-label": "work.course.place", "aria-valuemin": "0" }, this.drawing.element, this.cursor);
    this.glass.addEventListener("pointerdown", (event) => this.#point(event));
    this.glass.addEventListener("keydown", (event) => this.#key(event));
    this.moments = h("ul.moments");
    this.element = h("section.panel.course", { "t-label": "work.course" }, h("h3", { t: "work.course" }),
      h("div.controls", {}, this.button, this.time, this.said), this.note, this.glass, h("p.hint", { t: "work.course.key" }), this.moments);
  }

  /** @param {Prediction} prediction of a recording that is done @param {File} file */
  show(prediction, file) {
    if (this.#prediction !== prediction) this.player.open(file);
    this.#prediction = prediction;
    const moments = prediction.moments.map((/** @type {any} */ moment) => ({ ...moment, from_s: playedFrom(moment) }));
    this.moments.replaceChildren(...moments.sort((/** @type {any} */ a, /** @type {any} */ b) => a.from_s - b.from_s).map((/** @type {any} */ moment) => this.#moment(moment)));
    this.moments.hidden = !prediction.moments.length;
    this.drawing.draw();
    this.#follow();
  }

  hide() {
    this.player.close();
    this.#prediction = null;
  }

  /** @param {{from_s: number, sentence: import("./entries.js").Sentence}} moment */
  #moment({ from_s, sentence }) {
    const play = h("button.link", { type: "button", onclick: () => this.player.play(from_s) }, `\u25b6 ${clock(from_s)}`);
    play.setAttribute("aria-label", t("work.play_from", { time: clock(from_s), what: sentenceText(sentence) }));
    return h("li", {}, play, h("span", {}, sentenceText(sentence)));
  }

  /** @param {CanvasRenderingContext2D} ctx @param {(name: string) => string} colour @param {number} width @returns {number} px tall, before anything is drawn if it was less */
  #paint(ctx, colour, width) {
    const prediction = this.#prediction;
    if (!prediction) return 0;
    const of = layout(prediction);
    const height = courseHeight(of);
    ctx.clearRect(0, 0, width, height);
    paintCourse({ ctx, colour, place: this.#place(width) }, prediction, of);
    return height;
  }

  /** @param {number} width @returns {import("../shared/geometry.js").Place} */
  #place(width) {
    return { from_s: 0, to_s: this.#length_s, left: 0, right: width };
  }

  get #length_s() {
    return Math.max(0.1, this.#prediction?.facts.duration_s ?? 0);
  }

  #follow() {
    if (!this.#prediction) return;
    const { player } = this;
    const at_s = Math.min(player.time_s, this.#length_s);
    setText(this.button, t(player.playing ? "work.pause" : "work.play"));
    /** @type {HTMLButtonElement} */ (this.button).disabled = !player.playable;
    this.note.hidden = player.playable;
    const time = `${clock(at_s)} / ${clock(this.#length_s)}`;
    setText(this.time, time);
    const said = this.#said(at_s);
    setText(this.said, said);
    this.cursor.style.transform = `translateX(${xAt(this.#place(this.glass.clientWidth), at_s)}px)`;
    this.glass.setAttribute("aria-valuemax", String(Math.ceil(this.#length_s)));
    this.glass.setAttribute("aria-valuenow", String(Math.floor(at_s)));
    this.glass.setAttribute("aria-valuetext", `${clock(at_s)} ${said}`);
  }

  /** @param {number} at_s @returns {string} what is heard there */
  #said(at_s) {
    const { timeline } = /** @type {Prediction} */ (this.#prediction);
    const channels = [...new Set(timeline.map((/** @type {any} */ point) => point.channel))];
    const found = channels.map((channel) => pointAt(timeline.filter((/** @type {any} */ point) => point.channel === channel), at_s));
    const words = found.filter((point) => point !== null).map((point) => `${labelText(point.label)} ${percent(point.confidence)}`);
    return words.join(" \u00b7 ") || labelText(null);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const { left, width } = this.glass.getBoundingClientRect();
    this.player.seek(timeAt(this.#place(width), event.clientX - left));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const at_s = this.player.time_s;
    /** @type {Record<string, number>} */
    const to = { ArrowLeft: at_s - STEP_S, ArrowDown: at_s - STEP_S, ArrowRight: at_s + STEP_S, ArrowUp: at_s + STEP_S, PageDown: at_s - STRIDE_S,
      PageUp: at_s + STRIDE_S, Home: 0, End: this.#length_s };
    if (event.key === " " || event.key === "Enter") this.player.toggle();
    else if (event.key in to) this.player.seek(Math.min(this.#length_s, Math.max(0, to[event.key])));
    else return;
    event.preventDefault();
  }
}

/** @param {any} moment @returns {number} s */
function playedFrom({ kind, start_s }) {
  return Math.max(0, start_s - (kind === "turn" ? BEFORE_TURN_S : 0));
}
