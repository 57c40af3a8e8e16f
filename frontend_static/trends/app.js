/** Wires the trends: the address into questions, their answers into words, a chart and tables. */
import { failureText, fetchPast, fetchTrends } from "../shared/api.js";
import { byId, h, setText } from "../shared/dom.js";
import { ago, clock, percent, roleText } from "../shared/format.js";
import { onLanguage, startLanguage, t } from "../shared/i18n.js";
import { labelText } from "../shared/labels.js";
import { masthead } from "../shared/masthead.js";
import { bars } from "./bars.js";
import { everyDay, hottest, total, week } from "./figures.js";
import { parsed, query, spanOf, SPANS, written } from "./question.js";
import { groupTable, weekday, weekTable } from "./tables.js";

/** @typedef {import("./figures.js").Trend} Trend */
/** @typedef {import("./question.js").Question} Question */
/**
 * @typedef {{question: Question, from: Date, to: Date, days: Trend[], before: Trend[], hours: Trend[], roles: Trend[], groups: Trend[],
 *   values: Trend[], tags: string[], alerted: any[]}} Answer
 */

/** Calls with alerts that are listed. */
const LISTED = 8;
/** A change of less than this is none. */
const STEADY = 0.01;
/** With fewer calls an hour of the week says nothing. */
const LEAST_CALLS = 5;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

class App {
  question = parsed(location.hash);
  /** @type {Answer|null} */ answer = null;
  /** @type {(() => string)|null} */ trouble = null;
  asked = 0;

  constructor() {
    startLanguage();
    masthead(byId("masthead"), "trends");
    this.choices = h("div.choices");
    this.status = h("p.status", { role: "status" });
    this.body = h("div.body");
    byId("main").append(h("h1", { t: "trends.title" }), this.choices, this.status, this.body, h("p.notice", { t: "trends.notice" }));
    addEventListener("hashchange", () => this.follow());
    onLanguage(() => this.draw());
    this.follow();
  }

  follow() {
    this.question = parsed(location.hash);
    this.load();
  }

  /** @param {Partial<Question>} change */
  go(change) {
    location.hash = written({ ...this.question, ...change });
  }

  async load() {
    const asked = ++this.asked;
    const { question } = this;
    this.trouble = null;
    setText(this.status, t("trends.loading"));
    const { from, to, before } = spanOf(question.days, new Date());
    const ask = (/** @type {string} */ by, start = from, end = to) => fetchTrends(query(by, start, end, question, ZONE));
    const key = question.tag.split(":")[0];
    try {
      const [days, past, hours, roles, groups, values, alerted] = await Promise.all([ask("day"), ask("day", before, from),
        question.tag ? { trends: [] } : ask("week"), ask("role"), ask(question.by), key ? ask(`tag:${key}`) : { trends: [] },
        fetchPast(alertedQuery(question, from))]);
      if (asked !== this.asked) return;
      this.answer = { question, from, to, days: days.trends, before: past.trends, hours: hours.trends, roles: roles.trends, groups: groups.trends,
        values: values.trends, tags: days.tags, alerted };
    } catch (error) {
      if (asked !== this.asked) return;
      this.trouble = failureText(error);
    }
    this.draw();
  }

  draw() {
    document.title = `${t("trends.title")} \u00b7 Undertone`;
    setText(this.status, this.trouble?.() ?? (this.answer ? "" : t("trends.loading")));
    this.status.hidden = !this.status.textContent;
    if (!this.answer) return;
    const { answer } = this;
    this.choices.replaceChildren(...this.#choices(answer));
    const now = total(answer.days);
    const parts = [this.#words(answer), panel("trends.bars", bars(everyDay(answer.days, answer.from, answer.to)))];
    if (answer.hours.length) parts.push(panel("trends.week", this.#week(answer)));
    parts.push(panel("trends.groups", this.#groups(answer)));
    if (answer.alerted.length) parts.push(panel("trends.alerted", listed(answer.alerted)));
    this.body.replaceChildren(...(now.calls ? parts : [h("p.empty", {}, t("trends.empty"))]));
  }

  /** @param {Answer} answer */
  #choices({ question, roles, tags }) {
    const days = select("trends.span", SPANS.map((span) => [String(span), t(`trends.span.${span}`)]), String(question.days), (value) => this.go({ days: Number(value) }));
    const known = [...new Set([...roles.map((role) => role.key), question.role])].filter(Boolean);
    const role = select("trends.role", [["", t("trends.role.all")], ...known.map((one) => [one, roleText(one)])], question.role, (value) => this.go({ role: value }));
    const by = select("trends.by", [["role", t("trends.by.role")], ...tags.map((tag) => [`tag:${tag}`, roleText(tag)])], question.by, (value) => this.go({ by: value }));
    const only = question.tag ? [h("button.button", { type: "button", onclick: () => this.go({ tag: "" }) }, t("trends.only", { tag: question.tag }))] : [];
    return [days, role, by, ...only];
  }

  /** What a lead wants to know first, in sentences. @param {Answer} answer */
  #words({ question, days, before }) {
    const [now, then] = [total(days), total(before)];
    const lines = [t("trends.says.calls", { count: now.calls, span: t(`trends.span.${question.days}`) })];
    if (now.distress !== null) lines.push(t("trends.says.distress", { distress: percent(now.distress) }) + change(now.distress, then.distress));
    lines.push(now.alerts ? t("trends.says.alerts", { count: now.alerts, share: percent(now.alerted) }) + change(now.alerted, then.calls ? then.alerted : null) : t("trends.says.no_alerts"));
    return h("div.words", {}, ...lines.map((line) => h("p", {}, line)));
  }

  /** @param {Answer} answer */
  #week({ hours }) {
    const cells = week(hours);
    const most = hottest(cells, LEAST_CALLS);
    const says = most && t("trends.week.hottest", { day: weekday(most.day, "long"), hour: most.hour, distress: percent(Number(most.cell.distress)) });
    return h("div", {}, h("p.quiet", {}, [t("trends.week.about"), says ?? ""].join(" ")), weekTable(cells));
  }

  /** @param {Answer} answer */
  #groups({ question, groups }) {
    const tag = question.by.startsWith("tag:") ? question.by.slice("tag:".length) : null;
    const href = (/** @type {string} */ value) => (tag ? written({ ...question, tag: `${tag}:${value}` }) : written({ ...question, role: value }));
    const about = tag === "agent" ? "trends.groups.about_agents" : "trends.groups.about";
    return h("div", {}, h("p.quiet", {}, t(about)), groupTable(groups, question.by, href));
  }
}

/** @param {Question} question @param {Date} from */
function alertedQuery(question, from) {
  const set = new URLSearchParams({ alert: "*", limit: String(LISTED), from: from.toISOString() });
  if (question.role) set.set("role", question.role);
  if (question.tag) set.set("tag", question.tag);
  return set.toString();
}

/** @param {number} now @param {number|null} then @returns {string} */
function change(now, then) {
  if (then === null) return t("trends.says.end");
  const points = Math.round(100 * Math.abs(now - then));
  if (Math.abs(now - then) < STEADY) return t("trends.says.steady");
  return t(now > then ? "trends.says.more" : "trends.says.less", { points });
}

/** @param {any[]} calls @returns {HTMLElement} */
function listed(calls) {
  return h("ul.alerted", {}, ...calls.map((call) => {
    const worst = call.alerts.at(-1);
    const says = [ago(call.started_at, Date.now()), clock(call.duration_s), worst ? worst.rule : "", ...Object.entries(call.tags).map(([key, value]) => `${key}: ${value}`)];
    const felt = worst?.scores ? labelText(Object.entries(worst.scores).sort((a, b) => Number(b[1]) - Number(a[1]))[0][0]) : "";
    return h("li", {}, h("a", { href: `/dashboard#call=${encodeURIComponent(call.call_id)}` }, call.call_id), h("span.quiet", {}, [...says, felt].filter(Boolean).join(" \u00b7 ")));
  }));
}

/** @param {string} title key @param {HTMLElement} content */
function panel(title, content) {
  return h("section.panel", { "aria-label": t(title) }, h("h2", {}, t(title)), content);
}

/** @param {string} label key @param {string[][]} options value and text @param {string} chosen @param {(value: string) => void} onChange */
function select(label, options, chosen, onChange) {
  const known = options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen.replace(/^tag:/, "")]];
  const field = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => onChange(field.value) }, ...known.map(([value, text]) => h("option", { value }, text))));
  field.value = chosen;
  return h("label.choice", {}, h("span", {}, t(label)), field);
}

new App();
