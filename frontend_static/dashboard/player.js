/** "Play a recording": picks a file, plays it to the server in real time and, unless muted, to the visitor. */
import { byId, setText } from "../shared/dom.js";
import { clock, sentence } from "../shared/format.js";
import { decode } from "../shared/recording.js";
import { RecordingStream } from "../shared/stream.js";

/** @typedef {import("../shared/recording.js").Layout} Layout */

const LONGEST_TAG = 60;

export class Player {
  /** @type {AudioBuffer|null} */ #audio = null;
  /** @type {RecordingStream|null} */ #stream = null;
  /** @type {{context: AudioContext, gain: GainNode}|null} */ #sound = null;
  #name = "";
  #muted = false;
  #stopped = false;

  /** @param {(call_id: string) => void} onCall told of the new call */
  constructor(onCall) {
    this.onCall = onCall;
    this.file = /** @type {HTMLInputElement} */ (byId("player-file"));
    this.file.addEventListener("change", () => this.#pick());
    byId("player-start").addEventListener("click", () => this.#start());
    byId("player-stop").addEventListener("click", () => this.#stop());
    byId("player-mute").addEventListener("click", () => this.#mute(!this.#muted));
  }

  async #pick() {
    const file = this.file.files?.[0];
    this.#audio = null;
    byId("player-layout").hidden = byId("player-start").hidden = true;
    if (!file) return;
    this.#name = file.name;
    setText(byId("player-file-button"), file.name);
    this.#say("Reading the file");
    try {
      const audio = await decode(file);
      if (this.file.files?.[0] !== file) return;
      this.#audio = audio;
      byId("player-layout").hidden = audio.numberOfChannels !== 2;
      byId("player-start").hidden = false;
      this.#say(`${clock(audio.duration)} long, ${audio.numberOfChannels === 1 ? "one channel" : `${audio.numberOfChannels} channels`}.`);
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message, "bad");
    }
  }

  #start() {
    const audio = this.#audio;
    if (!audio || this.#stream) return;
    const progress = /** @type {HTMLProgressElement} */ (byId("player-progress"));
    progress.max = audio.duration;
    setText(byId("player-name"), this.#name);
    this.#say("");
    this.#stopped = false;
    this.#show(true);
    this.#stream = new RecordingStream(audio, this.#layout(audio), { recording: this.#name.slice(0, LONGEST_TAG) }, {
      started: (call_id) => {
        this.#listen(audio);
        this.onCall(call_id);
      },
      progress: (sent_s) => {
        progress.value = sent_s;
        setText(byId("player-time"), `${clock(sent_s)} of ${clock(audio.duration)}`);
      },
      ended: (problem) => this.#ended(problem),
    });
    byId("player-stop").focus();
  }

  #stop() {
    this.#stopped = true;
    this.#silence();
    this.#stream?.stop();
  }

  /** @param {string|null} problem */
  #ended(problem) {
    this.#stream = null;
    this.#silence();
    this.#show(false);
    const done = this.#stopped ? "Stopped. The call has ended." : "The recording has been played.";
    this.#say(problem ? sentence(problem) : done, problem ? "bad" : "");
    byId("player-start").focus();
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
    setText(byId("player-mute"), muted ? "Unmute" : "Mute");
    if (this.#sound) this.#sound.gain.gain.value = muted ? 0 : 1;
  }

  /** @param {boolean} running */
  #show(running) {
    byId("player-setup").hidden = running;
    byId("player-running").hidden = !running;
  }

  /** @param {string} text @param {string} [kind] */
  #say(text, kind = "") {
    setText(byId("player-message"), text);
    byId("player-message").setAttribute("data-kind", kind);
  }
}
