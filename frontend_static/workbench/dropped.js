/** What was dropped onto the page: files, and folders with all that is in them. */
import { isRecording, MOST_FILES } from "./entries.js";

/**
 * @typedef {{name: string, file: File}} Found
 * @typedef {{skipped: number, unreadable: number, over: number}} Left what was not taken: it is called like no recording; it, or a folder, could not
 *   be read; there were more than a page takes
 */

/** @returns {Left} */
export const nothing = () => ({ skipped: 0, unreadable: 0, over: 0 });

/**
 * @param {DataTransfer} transfer to be read before the event is over
 * @returns {Promise<{found: Found[], left: Left}>} of folders only what is called like a recording
 */
export async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file").map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const [found, left] = [/** @type {Found[]} */ ([]), nothing()];
  for (const { entry, file } of items) if (!entry && file) found.push({ name: file.name, file }); // from another page, not from a disk
  for (const { entry } of items) if (entry) await take(entry, found, left, entry.isFile);
  return { found, left };
}

/** @param {Iterable<File>} files that were chosen @param {boolean} folder whether a folder was, with all that is in it @returns {{found: Found[], left: Left}} */
export function picked(files, folder) {
  const all = [...files].map((file) => ({ name: (folder && file.webkitRelativePath) || file.name, file }));
  const found = folder ? all.filter(({ name }) => isRecording(name)).sort((a, b) => inOrder(a.name, b.name)) : all; // browsers give them in any order
  return { found, left: { ...nothing(), skipped: all.length - found.length } };
}

/** What cannot be read spoils nothing else. @param {FileSystemEntry} entry @param {Found[]} found @param {Left} left @param {boolean} named whether it was dropped itself */
async function take(entry, found, left, named) {
  const name = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile && !named && !isRecording(name)) left.skipped += 1;
    else if (entry.isFile && found.length >= MOST_FILES) left.over += 1;
    else if (entry.isFile) found.push({ name, file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) });
    else for await (const child of children(/** @type {FileSystemDirectoryEntry} */ (entry))) await take(child, found, left, false);
  } catch {
    left.unreadable += 1;
  }
}

/** @param {FileSystemDirectoryEntry} folder browsers give about a hundred at a time */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    yield* some.sort((a, b) => inOrder(a.name, b.name));
  }
}

/** "call 2" before "call 10". @param {string} one @param {string} other */
function inOrder(one, other) {
  return one.localeCompare(other, "en", { numeric: true });
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
