import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { apiError, failureText } from "../../frontend_static/shared/api.js";
import { chosen, MESSAGES, translate } from "../../frontend_static/shared/i18n.js";
import { LABELS } from "../../frontend_static/shared/labels.js";

const FOLDERS = ["mic", "dashboard", "trends", "workbench", "shared"];
const { en, zh } = MESSAGES;

/** The source of all pages, by path. */
function sources() {
  const root = new URL("../../frontend_static/", import.meta.url);
  return FOLDERS.flatMap((folder) => readdirSync(new URL(folder, root)).map((name) => `${folder}/${name}`))
    .filter((path) => /\.(js|html)$/.test(path))
    .map((path) => [path, readFileSync(new URL(path, root), "utf8")]);
}

/** Keys that the pages name: those written out, and the beginnings of those that are put together. */
function used() {
  const [whole, begun] = [new Map(), new Set()];
  for (const [path, text] of sources()) {
    for (const [, key] of text.matchAll(/["'`]((?:mic|dash|trends|work|shared)\.[\w.]*\w)["'`]/g)) whole.set(key, path);
    for (const [, prefix] of text.matchAll(/`((?:mic|dash|trends|work|shared)\.[\w.]*)\$\{/g)) begun.add(prefix);
  }
  return { whole, begun };
}

const templates = (message) => (typeof message === "string" ? [message] : Object.values(message));
const holes = (message) => [...new Set(templates(message).flatMap((text) => text.match(/\{\w+\}/g) ?? []))].sort();

test("both languages have the same messages, in the same order", () => {
  assert.deepEqual(Object.keys(zh), Object.keys(en));
});

test("a message has the same places to fill in both languages", () => {
  for (const key of Object.keys(en)) assert.deepEqual(holes(zh[key]), holes(en[key]), key);
});

test("no message is empty, and plurals have what their language needs", () => {
  for (const [language, messages] of Object.entries(MESSAGES)) {
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, message] of Object.entries(messages)) {
      assert.ok(templates(message).every((text) => text.trim()), key);
      if (typeof message !== "string") assert.deepEqual(Object.keys(message).sort(), [...categories].sort(), key);
    }
  }
});

test("every message that a page names exists", () => {
  const { whole, begun } = used();
  assert.ok(whole.size > 10);
  for (const [key, path] of whole) assert.ok(key in en, `${path}: ${key}`);
  for (const prefix of begun) assert.ok(Object.keys(en).some((key) => key.startsWith(prefix)), prefix);
});

test("every message is named by a page", () => {
  const { whole, begun } = used();
  const idle = Object.keys(en).filter((key) => !whole.has(key) && ![...begun].some((prefix) => key.startsWith(prefix)));
  assert.deepEqual(idle, []);
});

test("every label has a word in both languages", () => {
  for (const label of LABELS) assert.ok(`shared.label.${label}` in zh, label);
});

test("a template is filled, and what is missing is seen", () => {
  assert.equal(translate("en", "shared.speaker", { number: 2 }), "Speaker 2");
  assert.equal(translate("zh", "shared.speaker", { number: 2 }), "说话人 2");
  assert.equal(translate("en", "shared.speaker"), "Speaker {number}");
});

test("what went wrong is told in the language in force, not in that of its moment", (t) => {
  globalThis.document = { documentElement: { lang: "en-GB" } };
  t.after(() => delete globalThis.document);
  const failures = [apiError(503, { error: { code: "server.busy", reason: "full" } }), apiError(502, null)].map(failureText);
  assert.deepEqual(failures.map((text) => text()), [en["shared.error.server.busy"], "The server answered 502."]);
  document.documentElement.lang = "zh-CN";
  assert.deepEqual(failures.map((text) => text()), [zh["shared.error.server.busy"], "服务器返回 502。"]);
  const sentence = { key: "refused.stranger", text: "a.wav sounds like someone else.", values: { recording: "a.wav" } };
  assert.equal(failureText(apiError(422, { error: { code: "voices.refused", reason: sentence.text, sentence } }))(), "a.wav 听起来与其他录音不是同一人；请去掉它。");
});

test("the address comes before the earlier choice, and that before the browser's", () => {
  assert.equal(chosen("zh", "en", ["en-GB"]), "zh");
  assert.equal(chosen(null, "zh", ["en-GB"]), "zh");
  assert.equal(chosen(null, null, ["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(chosen("tlh", null, ["fr"]), "en");
});
