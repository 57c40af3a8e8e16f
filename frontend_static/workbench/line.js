/** One file's line of the table. */
import { glyph, h, trust } from "../shared/dom.js";
import { clock, percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energyText, reliability } from "../shared/labels.js";
import { feelingWord, sentencesText, sentenceText } from "./words.js";

/** @typedef {import("./entries.js").Entry} Entry */

const NONE = "\u2013";

/**
 * @param {Entry} entry @param {{open: boolean, busy: boolean, ticked: boolean}} how `open`: whether its result is shown
 * @param {{open: (entry: Entry) => void, remove: (entry: Entry) => void, tick: (on: boolean) => void}} on @param {HTMLElement} [element] to be written anew @returns {HTMLElement}
 */
export function line(entry, { open, busy, ticked }, on, element = h("tr")) {
  const { prediction } = entry;
  const tick = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: ticked, "aria-label": t("work.tick", { name: entry.name }), onchange: () => on.tick(tick.checked) }));
  const name = prediction ? h("button.link", { type: "button", "aria-expanded": String(open), onclick: () => on.open(entry) }, entry.name) : entry.name;
  const remove = h("button.link", { type: "button", "aria-label": t("work.remove", { name: entry.name }), disabled: busy, onclick: () => on.remove(entry) }, "\u2715");
  const had = element.contains(document.activeElement) ? document.activeElement : null;
  element.classList.toggle("open", open);
  element.dataset.state = entry.state;
  element.replaceChildren(h("td", {}, tick), h("th", { scope: "row" }, name), ...cells(entry), h("td", {}, remove));
  if (had) (had.tagName === "INPUT" ? tick : element.querySelector("button"))?.focus();
  return element;
}

/** @param {Entry} entry */
function cells(entry) {
  const { state, prediction } = entry;
  if (state === "done" && prediction) return result(prediction);
  if (state === "failed") return [h("td.why", { colspan: "5" }, ...failure(entry))];
  const { share } = entry;
  const text = share === null ? t(`work.state.${state}`) : t(state === "sending" ? "work.state.sent" : "work.state.heard", { share: percent(share) });
  const bar = share === null ? null : h("progress", { max: "1", value: String(share), "aria-label": entry.name });
  return [h("td.why", { colspan: "5" }, h("span.quiet", {}, text), bar)];
}

/** @param {Entry} entry why there is no result, and what to do */
function failure({ prediction, trouble }) {
  const [reason, remedy] = prediction?.failure
    ? [sentenceText(prediction.failure.reason), sentenceText(prediction.failure.remedy)]
    : [trouble?.reason() ?? "", trouble?.remedy() ?? ""];
  return [h("strong", {}, reason), " ", remedy];
}

/** @param {import("./entries.js").Prediction} prediction */
function result({ emotion, facts }) {
  const read = emotion?.label;
  const bars = trust();
  bars.setAttribute("data-level", emotion?.band ?? "unusable");
  const warnings = sentencesText(facts.remarks);
  return [
    h("td", {}, h("span.felt", {}, glyph(emotion?.stands_out[0]), h("span", {}, feelingWord(emotion)))),
    h("td", {}, read ? h("span.felt", { title: reliability(emotion.band).says }, percent(emotion.confidence), bars, h("span.unseen", {}, reliability(emotion.band).text)) : NONE),
    h("td", {}, emotion?.arousal == null ? NONE : energyText(emotion.arousal)),
    h("td", {}, facts.duration_s < 60 ? t("work.seconds.exact", { value: Math.round(facts.duration_s * 10) / 10 }) : clock(facts.duration_s)),
    h("td", {}, facts.snr_db === null ? NONE : t("work.db", { value: facts.snr_db }),
      warnings ? h("span.warns", { title: warnings }, "\u26a0", h("span.unseen", {}, warnings)) : null),
  ];
}
