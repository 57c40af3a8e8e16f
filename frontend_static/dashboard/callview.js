/** The open call: what it needs, how it feels now, its timeline, people, turns, alerts and warnings. */
import { timeIn } from "../shared/calls.js";
import { h, setText } from "../shared/dom.js";
import { clock, noticeText, reasonText, roleText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { AlertList } from "./alertlist.js";
import { CourseCard } from "./course.js";
import { LevelMark } from "./levelmark.js";
import { cardTitle, NowCard } from "./nowcard.js";
import { People } from "./people.js";
import { Timeline } from "./timeline.js";
import { TurnList } from "./turnlist.js";
import { why } from "./why.js";
import { onto, shown } from "./zoom.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/detail.js").Detail} Detail */
/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./zoom.js").View} View */

/** People and turns are worked out no more often than this while a call goes on. */
const PEOPLE_EVERY_MS = 2000;
const NON_COMMERCIAL = /\bNC\b|non-?commercial|research|evaluation/i;

export class CallView {
  #shown = "";
  /** @type {NowCard[]} */ #cards = [];
  /** @type {Detail|null} */ #listed = null;
  #listed_ms = 0;
  #length_s = 0;

  /** @param {(view: View) => void} onView what part of the call the reader wants to see */
  constructor(onView) {
    const part = (/** @type {number} */ from_s, /** @type {number} */ to_s) => {
      onView(onto({ from_s: Math.max(0, from_s), to_s }, this.#length_s, false)); // It stays when the call goes on.
      this.timeline.element.scrollIntoView({ block: "nearest" });
    };
    this.back = h("a.back", { t: "dash.back" });
    this.name = h("h2", { tabindex: "-1" });
    this.state = h("span.state");
    this.time = h("span.time");
    this.about = h("p.about");
    this.level = new LevelMark();
    this.sentence = h("p.sentence");
    this.cards = h("div.cards");
    this.timeline = new Timeline(onView);
    this.people = new People();
    this.course = new CourseCard(part);
    this.turns = new TurnList(part);
    this.alerts = new AlertList(part);
    this.noticesTitle = h("h3");
    this.notices = h("ul.notices");
    this.foot = h("p.foot");
    this.element = h("article.open", {},
      this.back,
      h("header.head", {}, h("div.name", {}, this.name, this.state, this.time), this.about, h("div.verdict", {}, this.level.element, this.sentence)),
      this.cards, this.timeline.element,
      this.people.element, this.course.element,
      h("div.below", {}, this.turns.element, h("div", {}, this.alerts.element, h("section.panel", {}, this.noticesTitle, this.notices))),
      this.foot);
  }

  /** @param {Call} call with its detail @param {import("./ranking.js").Standing|undefined} standing @param {Address} address @param {number} now_ms */
  show(call, standing, address, now_ms) {
    const detail = /** @type {Detail} */ (call.detail);
    const now_s = timeIn(call, now_ms);
    const live = call.state === "live";
    this.#length_s = now_s;
    if (this.#shown !== key(call)) this.#build(call);
    setText(this.time, clock(now_s));
    setText(this.state, live ? t("dash.state.live") : t("dash.state.ended", { reason: reasonText(call.reason) }));
    this.state.dataset.state = call.state;
    const tags = Object.entries(call.tags).map(([name, value]) => `${name}: ${value}`);
    setText(this.about, [call.channels.map((channel) => roleText(channel.role)).join(", "), ...tags, t("dash.via", { transport: call.transport })].join(" \u00b7 "));
    /** @type {HTMLElement} */ (this.level.element.parentElement).hidden = !live;
    this.level.show(standing?.level ?? "calm");
    setText(this.sentence, t("dash.sentence", { text: why(call, standing, now_s) }));
    for (const card of this.#cards) card.show(call, cardTitle(card.channel, call));
    this.timeline.show(call, now_ms, address.span_s, address.end_s);
    this.alerts.show(call, now_s, shown(this.timeline.view, now_s, live));
    if (this.#listed?.notices !== detail.notices) this.#listNotices(detail);
    if (this.#listed !== detail && (!live || now_ms - this.#listed_ms > PEOPLE_EVERY_MS)) {
      this.#listed_ms = now_ms;
      this.people.show(call, detail, now_s);
      this.turns.show(call, detail, now_s);
      this.course.show(call, detail);
    }
    this.#listed = detail;
  }

  /** Everything is written anew, for instance in another language. */
  forget() {
    this.#shown = "";
    this.#listed = null;
    this.alerts.forget();
    this.turns.forget();
  }

  /** @param {Call} call */
  #build(call) {
    this.#shown = key(call);
    this.#listed_ms = 0;
    setText(this.name, call.call_id);
    this.#cards = (call.state === "live" ? call.channels : overall(call)).map((channel) => new NowCard(channel));
    this.cards.replaceChildren(...this.#cards.map((card) => card.element));
    setText(this.foot, licences(call));
  }

  /** Each kind once, as it came last: some are told anew every half minute. @param {Detail} detail */
  #listNotices(detail) {
    const count = detail.notices.length;
    setText(this.noticesTitle, count ? t("dash.warnings.count", { count }) : t("dash.warnings.none"));
    /** @type {Map<string, import("../shared/detail.js").Notice & {times: number}>} */
    const kinds = new Map();
    for (const notice of detail.notices) kinds.set(notice.code, { ...notice, times: (kinds.get(notice.code)?.times ?? 0) + 1 });
    const last = [...kinds.values()].sort((a, b) => b.t - a.t);
    this.notices.replaceChildren(...last.map(({ times, ...notice }) => h("li", {}, h("time", {}, clock(notice.t)),
      h("span", { title: notice.code }, noticeText(notice), times > 1 ? h("span.quiet", {}, ` ${t("dash.warnings.times", { count: times })}`) : null))));
  }
}

/** What the fixed parts depend on. @param {Call} call */
function key(call) {
  return JSON.stringify([call.call_id, call.state, call.channels, call.models]);
}

/** An ended call is told as a whole: one card for all channels on which emotion was inferred. @param {Call} call */
function overall(call) {
  const inferred = call.channels.filter((channel) => channel.emotion);
  return inferred.length ? [{ ...inferred[0], role: inferred.map((channel) => channel.role).join(" + ") }] : call.channels.slice(0, 1);
}

/** @param {Call} call @returns {string} */
function licences(call) {
  const models = Object.entries(call.models).filter(([, model]) => model);
  const named = models.map(([role, { name, licence }]) => t("dash.foot.model", { role: t(`dash.model.${role}`), name, licence: licence || t("dash.foot.no_licence") }));
  const bound = models.some(([, model]) => NON_COMMERCIAL.test(model.licence));
  return [named.length ? t("dash.foot.models", { models: named.join(", ") }) : "", bound ? t("dash.foot.caution") : ""].filter(Boolean).join(" ");
}
