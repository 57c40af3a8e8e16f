/**
 * What the pages say, in the language of whoever reads them. The messages are in messages/, one module per language.
 * The language in force is the document's own `lang`, so that nothing else has to remember it.
 *
 * A message is a template with {names}, or one template per plural category of `count`. Elements with `data-t` (their
 * text) and `data-t-label` (their accessible name) are written by `relabel`, everything else by whoever calls `t`.
 *
 * @typedef {"en"|"zh"} Language
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}} Message
 * @typedef {Record<string, string|number>} Values
 */
import en from "../messages/en.js";
import zh from "../messages/zh.js";

/** @type {Record<Language, Record<string, Message>>} */
export const MESSAGES = { en, zh };
/** Each in its own words. @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", zh: "中文" };
const LOCALES = { en: "en-GB", zh: "zh-CN" };
const STORED = "undertone.language";
const CHANGED = "undertone:language";
const PLURALS = { en: new Intl.PluralRules("en"), zh: new Intl.PluralRules("zh") };

/**
 * The language to begin with: what the address asks for, else what was chosen before, else what the browser prefers.
 * @param {string|null} asked @param {string|null} stored @param {readonly string[]} preferred @returns {Language}
 */
export function chosen(asked, stored, preferred) {
  const known = [asked, stored, ...preferred].map((tag) => (tag ?? "").toLowerCase().split("-")[0]);
  return /** @type {Language} */ (known.find((tag) => tag in LANGUAGES) ?? "en");
}

/**
 * @param {Language} language @param {string} key @param {Values} [values]
 * @returns {string} the key itself where there is no such message, which a test forbids for keys that are written out
 */
export function translate(language, key, values = {}) {
  const message = MESSAGES[language][key];
  if (message === undefined) return key;
  const template = typeof message === "string" ? message : (message[PLURALS[language].select(Number(values.count))] ?? message.other);
  return template.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole));
}

/** @param {string} key @param {Values} [values] @returns {string} in the language in force */
export function t(key, values) {
  return translate(language(), key, values);
}

/** @param {string} key @returns {boolean} whether there is such a message */
export function has(key) {
  return key in MESSAGES.en;
}

/** @returns {Language} */
export function language() {
  const tag = globalThis.document?.documentElement.lang.split("-")[0];
  return tag === "zh" ? "zh" : "en";
}

/** @returns {string} the locale for dates and numbers */
export function locale() {
  return LOCALES[language()];
}

/** Finds the language and writes all labelled elements of the page. Once, before anything else is shown. */
export function startLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  inForce(chosen(asked, remembered(), navigator.languages));
}

/** Switches the language and remembers it. @param {Language} wanted */
export function switchLanguage(wanted) {
  try {
    localStorage.setItem(STORED, wanted);
  } catch {
    // A browser that keeps nothing switches all the same.
  }
  const url = new URL(location.href);
  if (url.searchParams.has("lang")) {
    url.searchParams.set("lang", wanted);
    history.replaceState(history.state, "", url);
  }
  inForce(wanted);
}

/** @param {() => void} listener told after every switch, to write anew what `relabel` does not */
export function onLanguage(listener) {
  document.addEventListener(CHANGED, listener);
}

/** Writes what the labelled elements below `root` say. @param {ParentNode} root */
export function relabel(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.getAttribute("data-t") ?? "");
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.getAttribute("data-t-label") ?? ""));
  }
}

/** @param {Language} wanted */
function inForce(wanted) {
  document.documentElement.lang = LOCALES[wanted];
  relabel(document);
  document.dispatchEvent(new Event(CHANGED));
}

/** @returns {string|null} */
function remembered() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
