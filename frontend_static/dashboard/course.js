/** How a call went, once it is over: each speaker's course, where it turned, and the summary as a picture. */
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, speakerText } from "../shared/format.js";
import { language, t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/detail.js").Detail} Detail */
/** @typedef {{start_s: number, end_s: number, label: string, distress: number}} Feeling */

/** Shown before and after a turning point. */
const AROUND_S = 15;
/** Less distress than this at the worst, and there was nothing to recover from; as the server has it. */
const MUCH = 0.3;

export class CourseCard {
  /** @param {(from_s: number, to_s: number) => void} onShow a part of the call */
  constructor(onShow) {
    this.onShow = onShow;
    const head = ["who", "start", "worst", "end", "recovered", "interruptions"].map((key) => h("th", { scope: "col", t: `dash.course.${key}` }));
    this.rows = h("tbody");
    this.points = h("ul.points");
    this.figures = h("p.quiet");
    this.picture = h("a.drawn", { target: "_blank", rel: "noopener", t: "dash.course.picture" });
    this.element = h("section.panel.course", { "t-label": "dash.course" }, h("div.line", {}, h("h3", { t: "dash.course" }), this.picture),
      h("div.scrolls", { tabindex: "0", role: "group", "t-label": "dash.course" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), this.rows)),
      this.points, this.figures);
  }

  /** @param {Call} call @param {Detail} detail */
  show(call, detail) {
    const { summary } = detail;
    this.element.hidden = call.state !== "ended" || !summary?.quality;
    if (this.element.hidden) return;
    this.picture.setAttribute("href", `/v1/calls/${encodeURIComponent(call.call_id)}/summary.svg?lang=${language()}`);
    this.rows.replaceChildren(...summary.speakers.map((/** @type {any} */ of) => row(call, of)));
    this.points.replaceChildren(...summary.turning_points.map((/** @type {any} */ point) => this.#point(call, point)));
    setText(this.figures, figures(summary));
  }

  /** @param {Call} call @param {{t: number, speaker: string, before: number, after: number}} point */
  #point(call, point) {
    const key = point.after > point.before ? "dash.course.worse" : "dash.course.better";
    const says = t(key, { speaker: speakerText(point.speaker, call.names), before: percent(point.before), after: percent(point.after) });
    const show = () => this.onShow(point.t - AROUND_S, point.t + AROUND_S);
    return h("li", {}, h("button", { type: "button", onclick: show }, h("time", {}, clock(point.t)), h("span", {}, says)));
  }
}

/** @param {Call} call @param {any} of a speaker of the summary */
function row(call, of) {
  const who = h("th", { scope: "row" }, speakerText(of.speaker, call.names));
  const interruptions = h("td", {}, of.interruptions === null ? "\u2013" : String(of.interruptions));
  if (!of.course) {
    const inferred = call.channels.find((channel) => channel.role === of.speaker)?.emotion ?? true;
    const none = h("td.quiet", { colspan: "4" }, t(inferred ? "dash.course.nothing" : "dash.people.not_inferred"));
    return h("tr", {}, who, none, interruptions);
  }
  const { start, worst, end } = of.course;
  return h("tr", {}, who, felt(start), felt(worst, clock(worst.start_s)), felt(end), h("td", {}, recovered(of.course)), interruptions);
}

/** @param {Feeling} feeling @param {string} [when] */
function felt(feeling, when) {
  const says = t("dash.course.felt", { label: labelText(feeling.label), distress: percent(feeling.distress) });
  return h("td.feels", {}, glyph(feeling.label), when ? `${says}, ${when}` : says);
}

/** @param {{worst: Feeling, recovered_after_s: number|null}} course */
function recovered(course) {
  if (course.recovered_after_s !== null) return t("dash.course.after", { time: clock(course.recovered_after_s) });
  return t(course.worst.distress < MUCH ? "dash.course.calm" : "dash.course.never");
}

/** @param {any} summary @returns {string} */
function figures(summary) {
  const { quality } = summary;
  const parts = [t("dash.course.silence", { share: percent(summary.silence_s / Math.max(1, summary.duration_s)), longest: clock(summary.longest_silence_s) })];
  if (summary.overlap_s !== null) parts.push(t("dash.course.overlap", { share: percent(summary.overlap_s / Math.max(1, summary.duration_s)) }));
  if (quality.snr_db !== null) parts.push(t("dash.course.noise", { db: Math.round(quality.snr_db) }));
  if ("unusable" in quality.reliability) parts.push(t("dash.course.unusable", { share: percent(quality.reliability.unusable + quality.reliability.low) }));
  return `${t("dash.course.about")} ${parts.join(" \u00b7 ")}`;
}
