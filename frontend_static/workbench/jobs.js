/** The server's work on recordings over REST: jobs, their results, their files. Failures are `ApiError`s. */
import { apiError, ApiError, request } from "../shared/api.js";
import { t } from "../shared/i18n.js";

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
  send,
  results: (id, after, granularity) => request(`${jobUrl(id)}/results?limit=${LINES[granularity]}${after === null ? "" : `&after=${after}`}`),
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

/** `fetch` does not tell how much has been sent. @type {Server["send"]} */
function send(entries, asked, share, signal) {
  const form = new FormData();
  for (const { file, name } of entries) form.append("audio", file, name);
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
