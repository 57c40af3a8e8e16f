/** What was dropped onto the page: files, and folders with all that is in them. */
import { isRecording, MOST_FILES } from "./entries.js";

/** @typedef {{name: string, file: File}} Found */

/**
 * @param {DataTransfer} transfer to be read before the event is over
 * @returns {Promise<{found: Found[], skipped: number}>} of folders only what is called like a recording; `skipped`: how much was not
 */
export async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file").map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const [found, counted] = [/** @type {Found[]} */ ([]), { skipped: 0 }];
  for (const { entry, file } of items) if (!entry && file) found.push({ name: file.name, file }); // from another page, not from a disk
  for (const { entry } of items) if (entry) await take(entry, found, counted, entry.isFile);
  return { found, skipped: counted.skipped };
}

/** @param {Iterable<File>} files that were chosen @param {boolean} folder whether a folder was, with all that is in it @returns {{found: Found[], skipped: number}} */
export function picked(files, folder) {
  const all = [...files].map((file) => ({ name: (folder && file.webkitRelativePath) || file.name, file }));
  const found = folder ? all.filter(({ name }) => isRecording(name)) : all;
  return { found, skipped: all.length - found.length };
}

/** @param {FileSystemEntry} entry @param {Found[]} found @param {{skipped: number}} counted @param {boolean} named whether it was dropped itself */
async function take(entry, found, counted, named) {
  if (found.length >= MOST_FILES) return;
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile && (named || isRecording(name))) found.push({ name, file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) });
  else if (entry.isFile) counted.skipped += 1;
  else for await (const child of children(/** @type {FileSystemDirectoryEntry} */ (entry))) await take(child, found, counted, false);
}

/** @param {FileSystemDirectoryEntry} folder browsers give about a hundred at a time */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    yield* some.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  }
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
