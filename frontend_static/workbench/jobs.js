/** The server's work on recordings over REST: jobs, their results, their files. Failures are `ApiError`s. */
import { apiError, ApiError, ask, request } from "../shared/api.js";
import { t } from "../shared/i18n.js";
import { sentAs } from "./entries.js";

/**
 * @typedef {import("./run.js").Asked} Asked
 * @typedef {import("./run.js").Server} Server
 */

/** A job of one page's: large enough to lose no time between jobs, small enough to begin soon. */
const MOST_FILES = 500;
const MOST_BYTES = 512 * 2 ** 20;
/** Lines of result in one answer; with the scores of frames each may be megabytes. */
const LINES = { utterance: 100, turn: 50, frame: 4 };

/** @type {Server} */
export const server = {
  most_files: MOST_FILES,
  most_bytes: MOST_BYTES,
  readable,
  send,
  results: (id, after, granularity) => request(`${jobUrl(id)}/results?limit=${LINES[granularity]}${after === null ? "" : `&after=${after}`}`),
  stop: (id) => ask(`${jobUrl(id)}/stop`, "POST"),
  remove: (id) => void fetch(jobUrl(id), { method: "DELETE", keepalive: true }).catch(() => {}), // else it expires
  wait,
};

/** @param {string|null} job @param {string} file @returns {string} where a file of a job is */
export function fileUrl(job, file) {
  return `${jobUrl(job ?? "")}/files/${file.split("/").map(encodeURIComponent).join("/")}`;
}

/** @param {Asked} asked @returns {string} the query of `POST /v1/jobs` */
export function query({ granularity, embeddings, speakers, every_frame, roles }) {
  const set = new URLSearchParams({ granularity, embeddings: String(embeddings), speakers: String(speakers), every_frame: String(every_frame) });
  if (roles) set.set("channels", String(roles.split(",").length));
  if (roles) set.set("roles", roles);
  return set.toString();
}

/** @param {string} id */
function jobUrl(id) {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** @param {{file: File}} entry @returns {Promise<boolean>} whether its file is still there, as it was chosen */
export async function readable({ file }) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** @param {string} url of a file @returns {Promise<void>} once it is known to be there. Throws an ApiError. */
export async function available(url) {
  const gone = new AbortController();
  try {
    const response = await fetch(url, { signal: gone.signal });
    if (!response.ok) throw new ApiError("gone", () => t("work.trouble.gone"));
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError("unreachable", () => t("shared.error.unreachable"));
  } finally {
    gone.abort(); // it is fetched by the browser's own download
  }
}

/** `fetch` does not tell how much has been sent. @type {Server["send"]} */
function send(entries, asked, share, signal) {
  const form = new FormData();
  for (const entry of entries) form.append("audio", entry.file, sentAs(entry));
  const post = new XMLHttpRequest();
  post.responseType = "json";
  post.open("POST", `/v1/jobs?${query(asked)}`);
  post.upload.addEventListener("progress", ({ loaded, total }) => share(total ? loaded / total : 0));
  signal.addEventListener("abort", () => post.abort());
  return new Promise((resolve, reject) => {
    post.addEventListener("load", () => (post.status < 300 && post.response ? resolve(post.response) : reject(apiError(post.status, post.response))));
    post.addEventListener("error", () => reject(new ApiError("unreachable", () => t("shared.error.unreachable"))));
    post.addEventListener("abort", () => reject(new ApiError("stopped", () => "")));
    post.send(form);
  });
}

/** @type {Server["wait"]} */
function wait(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
