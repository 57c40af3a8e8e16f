/** The embeddings of a recording: what they are, whether they are sound, and the files; or, that there are none and why. */
import { h } from "../shared/dom.js";
import { locale, t } from "../shared/i18n.js";
import { npyBytes } from "./sizes.js";
import { sentenceText, sizeText } from "./words.js";

/** @param {any[]} embeddings as `workbench/results.py` has them @param {string|null} until when the server deletes them, RFC 3339 @param {(file: string) => string} name in a download @param {(file: string) => void} take downloads it @returns {HTMLElement} */
export function embeddingCard(embeddings, until, name, take) {
  const title = t("work.embeddings");
  if (!embeddings.length) return h("section.panel", { "aria-label": title }, h("h3", {}, title), h("p.quiet", {}, t("work.embeddings.off_then")));
  return h("section.panel.embeddings", { "aria-label": title }, h("h3", {}, title), ...embeddings.map((each) => one(each, name, take)),
    until ? h("p.hint", {}, t("work.embeddings.until", { time: new Date(until).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" }) })) : null);
}

/** @param {any} each @param {(file: string) => string} name @param {(file: string) => void} take */
function one({ granularity, channel, model, shape, mean, std, norm, usual_norms, sound, remarks, file }, name, take) {
  const usual = usual_norms ? t("work.embeddings.usual", { norm, least: usual_norms[0], most: usual_norms[1] }) : String(norm);
  /** @type {[string, string][]} */
  const rows = [["of", t(`work.granularity.${granularity}`)], ["shape", `${shape[0]} \u00d7 ${shape[1]}`], ["mean", String(mean)], ["std", String(std)], ["norm", usual], ["model", model]];
  if (channel) rows.push(["channel", String(channel + 1)]);
  const says = h("ul", { class: sound ? "fine" : "remarks" }, ...remarks.map((/** @type {any} */ remark) => h("li", {}, sentenceText(remark))));
  const link = file ? h("button.button", { type: "button", onclick: () => take(file) }, t("work.download.npy", { file: name(file), size: sizeText(npyBytes(shape[0], shape[1])) })) : h("p.quiet", {}, t("work.embeddings.unwritten"));
  return h("div.embedding", {}, says, h("dl.figures", {}, ...rows.map(([key, value]) => h("div", {}, h("dt", {}, t(`work.embeddings.${key}`)), h("dd", {}, value)))), link);
}
