/** What the reader is called, as far as they have said so on this browser. Nobody checks it. */

const STORED = "undertone.name";

/** @returns {string} "" where it is not known */
export function nameOfReader() {
  try {
    return localStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name */
export function rememberReader(name) {
  try {
    localStorage.setItem(STORED, name);
  } catch {
    // A browser that keeps nothing asks again.
  }
}
