/** The list of calls: live ones with what matters now, ended ones below. Entries are links, so Tab and Enter work. */
import { sorted, timeIn } from "../shared/calls.js";
import { byId, glyph, h, setGlyph, setText, trust, voice } from "../shared/dom.js";
import { ago, clock, percent, sentence, speakerText } from "../shared/format.js";
import { labelText } from "../shared/labels.js";

/** @typedef {import("../shared/calls.js").Call} Call */
/** @typedef {import("../shared/calls.js").State} State */

/** @param {string} call_id @returns {string} */
export function hashOf(call_id) {
  return `#call=${encodeURIComponent(call_id)}`;
}

export class CallList {
  /** @type {Map<string, LiveEntry|EndedEntry>} */ #entries = new Map();

  /** @param {State} state @param {string|null} selected @param {number} now_ms */
  show(state, selected, now_ms) {
    const { live, ended } = sorted(state);
    setText(byId("live-count"), live.length ? String(live.length) : "");
    byId("live-empty").hidden = live.length > 0;
    byId("ended-section").hidden = ended.length === 0;
    this.#fill(byId("live-list"), live, LiveEntry, selected, now_ms);
    this.#fill(byId("ended-list"), ended, EndedEntry, selected, now_ms);
    const known = new Set(Object.keys(state.calls));
    for (const id of this.#entries.keys()) if (!known.has(id)) this.#entries.delete(id);
  }

  /** Keeps elements in place as long as their order holds, so that focus and scrolling survive. */
  #fill(/** @type {HTMLElement} */ list, /** @type {Call[]} */ calls, /** @type {any} */ Entry, /** @type {string|null} */ selected,
    /** @type {number} */ now_ms) {
    calls.forEach((call, i) => {
      let entry = this.#entries.get(call.call_id);
      if (!(entry instanceof Entry)) this.#entries.set(call.call_id, (entry = new Entry(call)));
      const { element, link } = /** @type {LiveEntry} */ (entry);
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
      link.setAttribute("aria-current", String(call.call_id === selected));
      /** @type {LiveEntry} */ (entry).show(call, now_ms);
    });
    while (list.children.length > calls.length) list.lastElementChild?.remove();
  }
}

class LiveEntry {
  /** @param {Call} call */
  constructor(call) {
    this.time = h("span.end", { title: "Time in call" });
    this.feelings = call.channels.filter((channel) => channel.emotion).map((channel) => {
      const parts = { channel, glyph: glyph(null), text: h("span.feel"), trust: trust(), word: h("span") };
      return { ...parts, line: h("div.line", {}, parts.glyph, parts.text, h("span.trusted", {}, parts.trust, parts.word)) };
    });
    this.voice = voice();
    this.who = h("span.who");
    this.tags = h("span.tags.end");
    this.link = h("a", { href: hashOf(call.call_id) },
      h("div.line", {}, h("span.id", {}, call.call_id), this.time), ...this.feelings.map((feeling) => feeling.line),
      h("div.line.small", {}, this.voice, this.who, this.tags));
    this.element = h("li", {}, this.link);
  }

  /** @param {Call} call @param {number} now_ms */
  show(call, now_ms) {
    setText(this.time, clock(timeIn(call, now_ms)));
    for (const { channel, glyph: shape, text, trust: bars, word } of this.feelings) {
      const emotion = call.emotions[channel.channel];
      const role = this.feelings.length > 1 ? `${sentence(channel.role)}: ` : "";
      setGlyph(shape, emotion?.label);
      setText(text, role + (!emotion ? "listening" : emotion.label ? `${labelText(emotion.label)} ${percent(emotion.confidence)}` : "No usable speech"));
      bars.setAttribute("data-level", emotion?.reliability ?? "none");
      setText(word, emotion?.label ? emotion.reliability : "");
      bars.hidden = !emotion?.label;
    }
    this.voice.setAttribute("data-on", call.speaking.length ? "yes" : "no");
    setText(this.who, speakingText(call));
    setText(this.tags, Object.values(call.tags).join(", "));
  }
}

class EndedEntry {
  /** @param {Call} call */
  constructor(call) {
    this.when = h("span.end.quiet.small");
    this.how = h("span.who.quiet");
    this.tags = h("span.tags.end");
    this.link = h("a", { href: hashOf(call.call_id) },
      h("div.line", {}, h("span.id", {}, call.call_id), this.when), h("div.line.small", {}, this.how, this.tags));
    this.element = h("li", {}, this.link);
  }

  /** @param {Call} call @param {number} now_ms */
  show(call, now_ms) {
    setText(this.when, call.ended_at ? ago(call.ended_at, now_ms) : "");
    setText(this.how, `${clock(call.duration_s)} long \u00b7 ${call.reason ?? "ended"}`);
    setText(this.tags, Object.values(call.tags).join(", "));
  }
}

/** @param {Call} call @returns {string} */
function speakingText(call) {
  if (!call.speaking.length) return "Silence";
  if (call.channels.length === 1) return `${speakerText(call.speaker, call.names)} speaking`;
  const roles = call.channels.filter((channel) => call.speaking.includes(channel.channel)).map((channel) => channel.role);
  return `${sentence(roles.join(" and "))} speaking`;
}
