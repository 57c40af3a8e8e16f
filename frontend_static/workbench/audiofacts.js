/** What a recording is like as sound, warnings first. */
import { h } from "../shared/dom.js";
import { clock, percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { sentenceText } from "./words.js";

/** No sound at all, in dB of full scale. */
const NOTHING_DBFS = -120;

/** @param {any} facts as `workbench/results.py` has them @returns {HTMLElement} */
export function audioFacts(facts) {
  const db = (/** @type {number|null} */ value) => (value === null || value <= NOTHING_DBFS ? "\u2013" : t("work.db", { value }));
  const hz = (/** @type {number} */ value) => t("work.khz", { value: Math.round(value / 100) / 10 });
  /** @type {[string, string][]} */
  const rows = [
    ["length", facts.duration_s < 60 ? t("work.seconds.exact", { value: facts.duration_s }) : clock(facts.duration_s)],
    ["format", `${facts.codec} (${facts.container})`], ["rate", hz(facts.rate_hz)], ["channels", String(facts.channels)],
    ["level", db(facts.level_dbfs)], ["peak", db(facts.peak_dbfs)], ["clipped", percentFine(facts.clipped_share)], ["snr", db(facts.snr_db)],
    ["speech", `${percent(facts.speech_share)} (${t("work.seconds.exact", { value: facts.speech_s })})`], ["limit", hz(facts.band_limit_hz)],
  ];
  return h("section.panel", { "aria-label": t("work.audio") }, h("h3", {}, t("work.audio")), remarks(facts.remarks),
    h("dl.figures", {}, ...rows.map(([key, value]) => h("div", {}, h("dt", {}, t(`work.audio.${key}`)), h("dd", {}, value)))));
}

/** @param {import("./entries.js").Sentence[]} all */
function remarks(all) {
  if (!all.length) return h("p.fine", {}, t("work.audio.fine"));
  return h("ul.remarks", {}, ...all.map((remark) => h("li", {}, sentenceText(remark))));
}

/** @param {number} share @returns {string} "0.02 %" */
function percentFine(share) {
  return share > 0 && share < 0.01 ? `${Math.max(0.01, Math.round(share * 10_000) / 100)}\u00a0%` : percent(share);
}
