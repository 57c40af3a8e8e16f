/** The visitor's microphone: may it be asked for, which one, and how loud it is. */

/** The voice as it is: what cleans it up for a listener takes away some of what is to be heard in it. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: true, channelCount: 1 };
/** What `getUserMedia` may fail with, and what is said of it. @type {Record<string, string>} */
const FAILURES = {
  NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "busy", AbortError: "busy",
};
/** Quieter than this is shown as nothing. */
const QUIETEST_DB = -60;

export class MicrophoneError extends Error {
  /** @param {"denied"|"missing"|"busy"|"failed"|string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Whether the browser gives this page a microphone at all: only over HTTPS, or on the machine itself. */
export function allowed() {
  return isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** Asks for permission where it has not been given. @param {string} id of a device, "" for the usual one @returns {Promise<MediaStream>} */
export async function openMicrophone(id) {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...AS_IT_IS, ...(id ? { deviceId: { exact: id } } : {}) } });
  } catch (error) {
    throw new MicrophoneError(FAILURES[/** @type {Error} */ (error).name] ?? "failed");
  }
}

/** Those with a name, which a browser tells only once permission was given. @returns {Promise<{id: string, name: string}[]>} */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "audioinput" && device.label).map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}

/** How loud a stream is. */
export class Level {
  #context = new AudioContext();
  #analyser = new AnalyserNode(this.#context, { fftSize: 2048 });
  #samples = new Float32Array(this.#analyser.fftSize);
  /** @type {MediaStreamAudioSourceNode} */ #source;

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.#source = this.#listen(stream);
    this.#context.resume();
  }

  /** @param {MediaStream} stream to listen to from now on */
  setStream(stream) {
    this.#source.disconnect();
    this.#source = this.#listen(stream);
  }

  /** The last 40 ms or so, in dB of full scale; QUIETEST_DB at least. @returns {number} */
  read_db() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    return Math.max(QUIETEST_DB, 10 * Math.log10(power + 1e-12));
  }

  close() {
    this.#context.close();
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    source.connect(this.#analyser);
    return source;
  }
}

/** @param {number} db of full scale @returns {number} in [0, 1], for a meter */
export function meterShare(db) {
  return Math.min(1, Math.max(0, (db - QUIETEST_DB) / -QUIETEST_DB));
}
