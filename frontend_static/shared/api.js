/** The server's REST API and socket addresses. Failures are `ApiError`s, whose text can be shown as it is. */
import { noticeText } from "./format.js";
import { t } from "./i18n.js";
import { sentenceText } from "./sentences.js";

export class ApiError extends Error {
  /** @param {string} code @param {() => string} text in the language in force */
  constructor(code, text) {
    super(code);
    this.code = code;
    this.text = text;
  }
}

/** @param {unknown} error @returns {() => string} what can be shown of it, in the language in force */
export function failureText(error) {
  return error instanceof ApiError ? error.text : () => String(error);
}

/** @param {number} [recent_s] so much of the past comes with each live call @returns {Promise<any[]>} live and recently ended calls, the newest first */
export async function fetchCalls(recent_s = 0) {
  return (await request(recent_s ? `/v1/calls?recent_s=${recent_s}` : "/v1/calls")).calls;
}

/** @param {string} call_id @returns {Promise<any>} the call with its history */
export function fetchCall(call_id) {
  return request(`/v1/calls/${encodeURIComponent(call_id)}`);
}

/** @param {number} within_ms @returns {Promise<boolean>} whether the server answers at all */
export async function answers(within_ms) {
  try {
    await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(within_ms) });
    return true;
  } catch {
    return false;
  }
}

/** @param {string} query of `GET /v1/calls`, so that calls come out of the history @returns {Promise<any[]>} */
export async function fetchPast(query) {
  return (await request(`/v1/calls?${query}`)).calls;
}

/** @param {string} query of `GET /v1/trends` @returns {Promise<any>} */
export function fetchTrends(query) {
  return request(`/v1/trends?${query}`);
}

/** @returns {Promise<{emotion: {name: string, embedding_size: number}|null, speaker: {name: string}|null}>} what the server analyses with, and more of each */
export function fetchModels() {
  return request("/v1/models");
}

/** @param {string} path @param {Record<string, string|number>} query @returns {string} */
export function socketUrl(path, query) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  return url.href;
}

/** @param {string} path @returns {Promise<any>} what is there. Throws an ApiError. */
export function request(path) {
  return ask(path, "GET");
}

/** @param {string} path @param {"GET"|"POST"|"PATCH"|"DELETE"} method @param {BodyInit} [body] @param {AbortSignal} [signal] @returns {Promise<any>} the answer, null where it has none. Throws an ApiError, of the code `stopped` after the signal. */
export async function ask(path, method, body, signal) {
  const response = await send(path, method, body, signal);
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw apiError(response.status, answer);
}

/** @param {string} path @param {"GET"|"POST"} method @param {BodyInit} [body] @returns {Promise<Blob>} the answer as a file. Throws an ApiError. */
export async function fetchFile(path, method, body) {
  const response = await send(path, method, body);
  if (response.ok) return response.blob();
  throw apiError(response.status, await response.json().catch(() => null));
}

/** @param {any} value @returns {Blob} it as the body of a request */
export function json(value) {
  return new Blob([JSON.stringify(value)], { type: "application/json" });
}

/** @param {string} path @param {string} method @param {BodyInit} [body] @param {AbortSignal} [signal] @returns {Promise<Response>} */
async function send(path, method, body, signal) {
  try {
    return await fetch(path, { method, body, headers: { accept: "application/json" }, signal });
  } catch {
    throw signal?.aborted ? new ApiError("stopped", () => "") : new ApiError("unreachable", () => t("shared.error.unreachable"));
  }
}

/** @param {number} status @param {any} body of the answer, null where it was no JSON @returns {ApiError} */
export function apiError(status, body) {
  const { code = `http.${status}`, reason, sentence } = body?.error ?? {};
  return new ApiError(code, () => (sentence ? sentenceText(sentence) : noticeText({ code, reason: reason ?? t("shared.error.status", { status }) })));
}
