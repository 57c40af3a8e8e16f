/** Who speaks in a recording and how each of them sounds, and what was said when, turn by turn. */
import { glyph, h } from "../shared/dom.js";
import { clock, percent, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energyText } from "../shared/labels.js";
import { feelingWord } from "./words.js";

/** More turns are in the result that can be downloaded. */
const MOST_TURNS = 300;

/** @param {import("./entries.js").Prediction} prediction @param {(at_s: number) => void} play @returns {HTMLElement|null} null: nobody was told apart */
export function people({ speakers, turns }, play) {
  if (!turns.length) return null;
  return h("section.panel", { "aria-label": t("work.people") }, h("h3", {}, t("work.people")), speakers.length ? speakerTable(speakers) : null,
    h("details", {}, h("summary", {}, t("work.turns", { count: turns.length })), turnList(turns, play),
      turns.length > MOST_TURNS ? h("p.quiet", {}, t("work.turns.more", { count: turns.length - MOST_TURNS })) : null));
}

/** @param {any[]} speakers */
function speakerTable(speakers) {
  const head = ["who", "feels", "energy", "speech", "turns"].map((key) => h("th", { scope: "col" }, t(`work.people.${key}`)));
  const rows = speakers.map(({ speaker, speech_s, share, turns, reading }) => h("tr", {}, h("th", { scope: "row" }, speakerText(speaker)),
    h("td", {}, feeling(reading)), h("td", {}, reading?.arousal == null ? "\u2013" : energyText(reading.arousal)),
    h("td", {}, `${percent(share)} (${t("work.seconds.exact", { value: speech_s })})`), h("td", {}, String(turns))));
  return h("div.scrolls", { tabindex: "0", role: "group", "aria-label": t("work.people") }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}

/** @param {any[]} turns @param {(at_s: number) => void} play */
function turnList(turns, play) {
  return h("ol.turns", {}, ...turns.slice(0, MOST_TURNS).map(({ speaker, start_s, end_s, reading }) => h("li", {},
    h("button.link", { type: "button", onclick: () => play(start_s), "aria-label": t("work.play_from", { time: clock(start_s), what: speakerText(speaker) }) }, `\u25b6 ${clock(start_s)}`),
    h("span", {}, speaker ? speakerText(speaker) : ""), feeling(reading), h("span.quiet", {}, t("work.seconds.exact", { value: Math.round((end_s - start_s) * 10) / 10 })))));
}

/** @param {any} reading */
function feeling(reading) {
  const says = reading?.label ? ` ${percent(reading.confidence)}` : "";
  return h("span.felt", {}, glyph(reading?.stands_out[0]), h("span", {}, `${feelingWord(reading)}${says}`));
}
