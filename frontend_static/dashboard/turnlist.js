/** The turns of a call, the newest first; each is a button that shows that part of the timeline. */
import { glyph, h, setText } from "../shared/dom.js";
import { clock, percent, speakerText } from "../shared/format.js";
import { speakers } from "../shared/geometry.js";
import { t } from "../shared/i18n.js";
import { labelText, ranked } from "../shared/labels.js";
import { laneName } from "./lanes.js";
import { meanOf } from "./people.js";
import { lasting } from "./why.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/detail.js").Detail} Detail */
/** @typedef {import("../shared/turns.js").Turn} Turn */

/** Shown until more are asked for. */
const FIRST = 30;
const MORE = 200;
/** Room left before and after a turn when it is shown. */
const ROOM_S = 4;

export class TurnList {
  /** @type {Turn[]|null} */ #listed = null;
  #most = FIRST;
  #id = "";

  /** @param {(from_s: number, to_s: number) => void} onShow a part of the call */
  constructor(onShow) {
    this.onShow = onShow;
    this.title = h("h3");
    this.rows = h("ol.turns");
    this.more = h("button.button", { type: "button", t: "dash.turns.more", onclick: () => {
      this.#most += MORE;
      this.#listed = null;
    } });
    this.element = h("section.panel.turnlist", { "t-label": "dash.turns" }, this.title, this.rows, this.more);
  }

  /** @param {Call} call @param {Detail} detail @param {number} now_s */
  show(call, detail, now_s) {
    if (this.#id !== call.call_id) [this.#id, this.#most, this.#listed] = [call.call_id, FIRST, null];
    if (this.#listed === detail.turns) return;
    this.#listed = detail.turns;
    const order = speakers(call, detail, 0);
    const newest = detail.turns.toReversed().slice(0, this.#most);
    setText(this.title, t("dash.turns.count", { count: detail.turns.length }));
    this.more.hidden = newest.length === detail.turns.length;
    this.rows.replaceChildren(...newest.map((turn) => h("li", {}, this.#button(call, detail, turn, order, now_s))));
  }

  forget() {
    this.#listed = null;
  }

  /** @param {Call} call @param {Detail} detail @param {Turn} turn @param {(string|null)[]} order @param {number} now_s */
  #button(call, detail, turn, order, now_s) {
    const end_s = turn.end_s ?? now_s;
    const dot = h("i.slice");
    dot.style.background = `var(--${turn.speaker === null ? "quiet" : laneName(Math.max(0, order.indexOf(turn.speaker)))})`;
    const feeling = feelingOf(detail, turn, end_s);
    return h("button", { type: "button", onclick: () => this.onShow(turn.start_s - ROOM_S, end_s + ROOM_S) },
      h("time", {}, clock(turn.start_s)), dot, h("span.who", {}, speakerText(turn.speaker, call.names)),
      h("span.quiet.long", {}, turn.end_s === null ? t("dash.turns.open") : lasting(end_s - turn.start_s)),
      h("span.feels", {}, ...(feeling ? [glyph(feeling.label), `${labelText(feeling.label)} ${percent(feeling.score)}`] : [])));
  }
}

/** What led over a turn. @param {Detail} detail @param {Turn} turn @param {number} end_s @returns {{label: string, score: number}|null} */
export function feelingOf(detail, turn, end_s) {
  const points = (detail.points[turn.channel] ?? []).filter((point) => point.label && point.t > turn.start_s && point.t <= end_s);
  return points.length ? ranked(meanOf(points).scores ?? {}, 0)[0] : null;
}
