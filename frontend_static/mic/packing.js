/** Samples as they come from the sound card, as messages of one length. Pure; the audio worklet uses it. */

/** How much audio a message holds. */
export const MESSAGE_MS = 100;

export class Packer {
  /** @type {Int16Array} */ #message;
  #filled = 0;

  /** @param {number} rate_hz @param {(message: Int16Array<ArrayBuffer>) => void} emit given a message of its own each time */
  constructor(rate_hz, emit) {
    this.length = Math.round((rate_hz * MESSAGE_MS) / 1000);
    this.emit = emit;
    this.#message = new Int16Array(this.length);
  }

  /** @param {Float32Array} samples in [-1, 1]; beyond that they are cut off */
  add(samples) {
    for (const sample of samples) {
      this.#message[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
      if (this.#filled === this.length) this.flush();
    }
  }

  /** Emits what there is, if anything. */
  flush() {
    if (this.#filled) this.emit(this.#message.slice(0, this.#filled));
    this.#filled = 0;
  }
}
