/** Names of recordings, thousands of them: which of them match, in which folders they lie, and a page of them. Pure. */

/** @typedef {{text: string, folder: string}} Wanted "" anything */

/** @param {string[]} names @param {Wanted} wanted @returns {string[]} */
export function matching(names, { text, folder }) {
  const part = text.trim().toLowerCase();
  return names.filter((name) => (!folder || name.startsWith(`${folder}/`)) && (!part || name.toLowerCase().includes(part)));
}

/** @param {string[]} names @returns {string[]} the folders in which they lie, and those above, sorted */
export function folders(names) {
  const found = new Set();
  for (const name of names) {
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const folder = name.slice(0, at);
      if (found.has(folder)) break;
      found.add(folder);
    }
  }
  return [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** @param {string[]} before @param {string[]} now @returns {boolean} whether something was forgotten between */
export function lost(before, now) {
  const known = new Set(now);
  return before.some((name) => !known.has(name));
}

/** @param {number} at a row @param {number} size of a page @returns {number} the first row of its page */
export function pageOf(at, size) {
  return Math.floor(Math.max(0, at) / size) * size;
}
