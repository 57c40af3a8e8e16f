/** Plays a recording from where the reader points. What the browser cannot decode is shown all the same, only not heard. */

/** One of the page's players begins: no two are heard at once. */
const BEGINS = "undertone:player-begins";

export class Player {
  #audio = new Audio();
  #url = "";
  #frame = 0;
  /** Where the reader is in what cannot be played. */ #at_s = 0;
  playable = true;

  /** @param {() => void} changed time, state, or whether it can be played at all */
  constructor(changed) {
    this.changed = changed;
    this.#audio.preload = "metadata";
    this.#audio.addEventListener("play", () => document.dispatchEvent(new CustomEvent(BEGINS, { detail: this })));
    document.addEventListener(BEGINS, (event) => {
      if (/** @type {CustomEvent} */ (event).detail !== this) this.#audio.pause();
    });
    for (const type of ["play", "pause", "ended", "seeked"]) this.#audio.addEventListener(type, () => this.#tell());
    this.#audio.addEventListener("error", () => {
      if (!this.#url) return;
      this.playable = false;
      this.changed();
    });
  }

  /** @param {File} file */
  open(file) {
    this.close();
    this.playable = true;
    this.#at_s = 0;
    this.#url = URL.createObjectURL(file);
    this.#audio.src = this.#url;
  }

  close() {
    this.#audio.pause();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.#audio.removeAttribute("src");
  }

  get playing() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  get time_s() {
    return this.playable ? this.#audio.currentTime : this.#at_s;
  }

  /** @param {number} at_s */
  seek(at_s) {
    if (this.playable) this.#audio.currentTime = at_s;
    else this.#at_s = at_s;
    this.changed();
  }

  toggle() {
    if (this.playing) this.#audio.pause();
    else this.play();
  }

  /** @param {number} [at_s] from where; else from where it is */
  play(at_s) {
    if (!this.playable) return;
    if (at_s !== undefined) this.#audio.currentTime = at_s;
    this.#audio.play().catch(() => this.changed()); // closed, or refused by the browser: it just does not play
  }

  /** While it plays, with every frame. */
  #tell() {
    cancelAnimationFrame(this.#frame);
    this.changed();
    if (this.playing) this.#frame = requestAnimationFrame(() => this.#tell());
  }
}
