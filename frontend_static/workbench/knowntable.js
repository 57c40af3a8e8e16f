/** Everyone who has a voiceprint: how good it is, to what and until when they agreed, and another name or none for them. */
import { h } from "../shared/dom.js";
import { locale, t } from "../shared/i18n.js";
import { table } from "./voiceanswers.js";
import { sentencesText } from "./words.js";

/**
 * @typedef {import("./voicejobs.js").Known} Known
 * @typedef {{begin: (name: string|null) => void, rename: (name: string, wanted: string) => void, forget: (name: string) => void}} On
 *   `begin`: someone, or null for nobody after all, is to be called otherwise
 */

const DAY_MS = 86_400_000;
/** From so few days on it is said how many are left. */
const SOON_DAYS = 14;
const MOST_NAME = 128;

/** @param {Known[]} known @param {string} model that tells voices apart: it knows no others' voiceprints @param {string|null} renaming @param {On} on @returns {HTMLElement} */
export function knownTable(known, model, renaming, on) {
  if (!known.length) return h("p.quiet", {}, t("work.voices.nobody"));
  return table("work.voices.known", ["name", "speech", "quality", "consent", "until", "change"], known.map((each) => [
    each.name === renaming ? nameForm(each.name, on) : h("span", {}, each.name), speech(each), quality(each, model), each.consent.purpose, until(each.consent.expires_at), changes(each.name, on),
  ]));
}

/** @param {Known} each */
function speech({ recordings, speech_s }) {
  return t("work.voices.speech", { count: recordings, seconds: Math.round(speech_s) });
}

/** @param {Known} each @param {string} current model */
function quality({ problems, model, encrypted }, current) {
  const says = [model === current ? "" : t("work.voices.other_model", { model }), problems.length ? sentencesText(problems) : ""].filter(Boolean).join(" ");
  const how = encrypted ? h("span.quiet", {}, ` ${t("work.voices.encrypted")}`) : null;
  return h("span", {}, h("span", { class: says ? "warn" : "fine" }, says || t("work.voices.good")), how);
}

/** @param {number} expires_at seconds since 1970 */
function until(expires_at) {
  const date = new Date(expires_at * 1000);
  const days = Math.ceil((date.getTime() - Date.now()) / DAY_MS);
  const text = date.toLocaleDateString(locale(), { dateStyle: "medium" });
  return days > SOON_DAYS ? text : h("span.warn", {}, t("work.voices.soon", { date: text, count: Math.max(0, days) }));
}

/** @param {string} name @param {On} on */
function changes(name, on) {
  return h("span.actions", {}, h("button.link", { type: "button", "aria-label": t("work.voices.rename.this", { name }), onclick: () => on.begin(name) }, t("work.voices.rename")),
    h("button.link", { type: "button", "aria-label": t("work.voices.forget.name", { name }), onclick: () => on.forget(name) }, t("work.voices.forget")));
}

/** @param {string} name @param {On} on */
function nameForm(name, on) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "text", required: true, maxlength: MOST_NAME, value: name, "aria-label": t("work.voices.rename.name", { name }),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && on.begin(null) }));
  const renamed = (/** @type {Event} */ event) => {
    event.preventDefault();
    on.rename(name, input.value.trim());
  };
  return h("form.rename", { onsubmit: renamed }, input, h("button.button", {}, t("work.voices.rename.keep")),
    h("button.link", { type: "button", onclick: () => on.begin(null) }, t("work.voices.rename.not")));
}
