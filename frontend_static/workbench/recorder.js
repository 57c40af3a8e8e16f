/** Records the microphone into a file. */
import { Level, openMicrophone } from "../shared/microphone.js";

/** The browser keeps what is recorded in memory, so it is bounded. */
export const LONGEST_S = 600;
/** In the order of preference; a browser has at least one of them. @type {[string, string][]} */
const KINDS = [["audio/webm;codecs=opus", "webm"], ["audio/ogg;codecs=opus", "ogg"], ["audio/mp4", "m4a"]];

export class Recorder {
  /** @type {Blob[]} */ #parts = [];

  /** @param {MediaStream} stream @param {(file: File) => void} recorded */
  constructor(stream, recorded) {
    const [type, suffix] = KINDS.find(([kind]) => MediaRecorder.isTypeSupported(kind)) ?? ["", "webm"];
    this.recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    this.level = new Level(stream);
    this.began_ms = performance.now();
    this.recorder.addEventListener("dataavailable", ({ data }) => this.#parts.push(data));
    this.recorder.addEventListener("stop", () => {
      close(stream);
      this.level.close();
      recorded(new File(this.#parts, `${stamp(new Date())}.${suffix}`, { type: this.recorder.mimeType }));
    });
    this.recorder.start(1000);
  }

  /** Asks for the microphone and begins. Throws a MicrophoneError. @param {(file: File) => void} recorded @returns {Promise<Recorder>} */
  static async begin(recorded) {
    const stream = await openMicrophone("");
    try {
      return new Recorder(stream, recorded);
    } catch (error) {
      close(stream);
      throw error;
    }
  }

  get time_s() {
    return (performance.now() - this.began_ms) / 1000;
  }

  stop() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
  }
}

/** The browser's sign that it listens goes out. @param {MediaStream} stream */
function close(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** @param {Date} now @returns {string} "recording_20260302_140509" */
function stamp(now) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `recording_${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}_${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
