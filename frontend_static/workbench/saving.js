/** Hands files to the browser's downloads, and packs many into one archive. */
import { t } from "../shared/i18n.js";
import { ApiError } from "../shared/api.js";
import { zip } from "./zip.js";

/** An archive is made in the browser's memory. */
export const MOST_BYTES = 1e9;

/** @param {string} name @param {BlobPart[]} parts @param {string} type */
export function save(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has begun to read it by then
}

/**
 * @param {{name: string, data?: Uint8Array<ArrayBuffer>, url?: string}[]} files what they hold, or where that is
 * @param {(share: number) => void} passed told how far it is @returns {Promise<BlobPart[]>} a ZIP archive. Throws an ApiError.
 */
export async function packed(files, passed) {
  const whole = [];
  let bytes = 0;
  for (const { name, data, url } of files) {
    const got = data ?? (await bytesOf(/** @type {string} */ (url)));
    bytes += got.length;
    if (bytes > MOST_BYTES) throw new ApiError("too_much", () => t("work.trouble.too_much"));
    whole.push({ name, data: got });
    passed(whole.length / files.length);
  }
  return zip(whole, new Date());
}

/** @param {string} url @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function bytesOf(url) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new ApiError("unreachable", () => t("shared.error.unreachable"));
  }
  if (!response.ok) throw new ApiError("gone", () => t("work.trouble.gone"));
  return new Uint8Array(await response.arrayBuffer());
}
