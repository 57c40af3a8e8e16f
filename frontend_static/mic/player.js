/** "Play a recording": picks a file, plays it to the server in real time and, unless muted, to the visitor. */
import { byId, setText } from "../shared/dom.js";
import { clock } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { decode, RecordingError } from "./recording.js";
import { RecordingStream } from "./stream.js";

/** @typedef {import("./recording.js").Layout} Layout */
/** @typedef {{started: () => void, event: (event: any) => void, ended: (problem: (() => string)|null) => void}} PlayerHandlers */

const LONGEST_TAG = 60;

export class Player {
  /** @type {AudioBuffer|null} */ #audio = null;
  /** @type {RecordingStream|null} */ #stream = null;
  /** @type {{context: AudioContext, gain: GainNode}|null} */ #sound = null;
  /** @type {() => string} */ #message = () => "";
  #name = "";
  #muted = false;

  /** @param {PlayerHandlers} on */
  constructor(on) {
    this.on = on;
    this.file = /** @type {HTMLInputElement} */ (byId("player-file"));
    this.file.addEventListener("change", () => this.#pick());
    byId("player-start").addEventListener("click", () => this.#start());
    byId("player-mute").addEventListener("click", () => this.#mute(!this.#muted));
    this.relabel();
  }

  /** Ends the call in good order with what was played so far. */
  stop() {
    this.#silence();
    this.#stream?.stop();
  }

  /** Writes its words anew, in the language in force. */
  relabel() {
    setText(byId("player-file-button"), this.#name || t("mic.recording.choose"));
    setText(byId("player-mute"), t(this.#muted ? "mic.recording.unmute" : "mic.recording.mute"));
    setText(byId("player-message"), this.#message());
  }

  async #pick() {
    const file = this.file.files?.[0];
    this.#audio = null;
    byId("player-layout").hidden = byId("player-start").hidden = true;
    if (!file) return;
    this.#name = file.name;
    this.#say(() => t("mic.recording.reading"));
    try {
      const audio = await decode(file);
      if (this.file.files?.[0] !== file) return;
      this.#audio = audio;
      byId("player-layout").hidden = audio.numberOfChannels !== 2;
      byId("player-start").hidden = false;
      this.#say(() => t("mic.recording.ready", { length: clock(audio.duration), count: audio.numberOfChannels }));
    } catch (error) {
      this.#say(error instanceof RecordingError ? error.text : () => String(error));
    }
  }

  #start() {
    const audio = this.#audio;
    if (!audio || this.#stream) return;
    const progress = /** @type {HTMLProgressElement} */ (byId("player-progress"));
    progress.max = audio.duration;
    progress.value = 0;
    setText(byId("player-name"), this.#name);
    this.on.started();
    this.#stream = new RecordingStream(audio, this.#layout(audio), { recording: this.#name.slice(0, LONGEST_TAG) }, {
      event: (event) => {
        if (event.type === "call.started") this.#listen(audio);
        this.on.event(event);
      },
      progress: (sent_s) => {
        progress.value = sent_s;
        setText(byId("player-time"), t("mic.recording.progress", { sent: clock(sent_s), length: clock(audio.duration) }));
      },
      ended: (problem) => {
        this.#stream = null;
        this.#silence();
        this.on.ended(problem);
      },
    });
  }

  /** @param {AudioBuffer} audio @returns {Layout} */
  #layout(audio) {
    const chosen = /** @type {HTMLInputElement|null} */ (document.querySelector("input[name=layout]:checked"));
    return audio.numberOfChannels === 2 ? /** @type {Layout} */ (chosen?.value ?? "mix") : "mix";
  }

  /** @param {AudioBuffer} audio */
  #listen(audio) {
    const context = new AudioContext();
    const gain = new GainNode(context, { gain: this.#muted ? 0 : 1 });
    const source = new AudioBufferSourceNode(context, { buffer: audio });
    source.connect(gain).connect(context.destination);
    source.start();
    this.#sound = { context, gain };
  }

  #silence() {
    this.#sound?.context.close();
    this.#sound = null;
  }

  /** @param {boolean} muted */
  #mute(muted) {
    this.#muted = muted;
    byId("player-mute").setAttribute("aria-pressed", String(muted));
    if (this.#sound) this.#sound.gain.gain.value = muted ? 0 : 1;
    this.relabel();
  }

  /** @param {() => string} message in the language in force */
  #say(message) {
    this.#message = message;
    this.relabel();
  }
}
