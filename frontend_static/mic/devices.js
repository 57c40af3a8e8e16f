/** Which microphone is listened to: two lists of one choice, one before and one during a call, and the level beside it. */
import { byId, h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { meterShare, microphones, openMicrophone } from "../shared/microphone.js";

/** In dB of full scale: below the one there is nothing, above the other it distorts. */
const LEVELS_DB = { silent: -56, loud: -3 };
/** "Too loud" stays to be read. */
const LOUD_STAYS_MS = 1500;

export class Devices {
  /** @type {MediaStream|null} */ #stream = null;
  #chosen = "";
  #choosing = Promise.resolve();
  #loud_ms = 0;
  /** @type {{id: string, name: string}[]} */ #known = [];

  /** @param {(stream: MediaStream) => Promise<void>} onStream takes the stream of another choice @param {() => void} onUnplugged */
  constructor(onStream, onUnplugged) {
    this.onStream = onStream;
    this.onUnplugged = onUnplugged;
    this.selects = ["welcome-select", "live-select"].map((id) => /** @type {HTMLSelectElement} */ (byId(id)));
    for (const select of this.selects) {
      select.addEventListener("change", () => {
        const id = select.value;
        this.#choosing = this.#choosing.then(() => this.#choose(id));
      });
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.list());
    this.list();
  }

  /** Asks for permission where there is none. Rejects with a MicrophoneError. @returns {Promise<MediaStream>} */
  async open() {
    const stream = await openMicrophone(this.#chosen);
    this.#hold(stream);
    return stream;
  }

  close() {
    stopped(this.#stream);
    this.#stream = null;
  }

  /** Finds out anew what there is. */
  async list() {
    this.#known = await microphones();
    if (!this.#known.some(({ id }) => id === this.#chosen)) this.#chosen = "";
    this.relabel();
  }

  relabel() {
    const known = this.#known.length ? this.#known : [{ id: "", name: t("mic.device.usual") }];
    for (const select of this.selects) {
      select.replaceChildren(...known.map(({ id, name }) => h("option", { value: id }, name)));
      select.value = this.#chosen || known[0].id;
    }
    byId("welcome-device").hidden = this.#known.length < 2;
  }

  /** @param {number} db of full scale */
  showLevel(db) {
    if (db > LEVELS_DB.loud) this.#loud_ms = Date.now();
    const loud = Date.now() - this.#loud_ms < LOUD_STAYS_MS;
    const text = t(loud ? "mic.level.loud" : db < LEVELS_DB.silent ? "mic.level.silent" : "mic.level.good");
    const share = meterShare(db);
    byId("meter-fill").style.transform = `scaleX(${share.toFixed(3)})`;
    byId("meter").classList.toggle("loud", loud);
    byId("meter").setAttribute("aria-valuenow", String(Math.round(share * 100)));
    byId("meter").setAttribute("aria-valuetext", text);
    setText(byId("level-text"), loud ? text : "");
  }

  /** One choice after the other; the device before is let go once its successor is listened to. @param {string} id */
  async #choose(id) {
    const [before, held] = [this.#chosen, this.#stream];
    this.#chosen = id;
    this.relabel();
    if (!held) return;
    /** @type {MediaStream|null} */
    let stream = null;
    try {
      stream = await openMicrophone(id);
      if (this.#stream === held) await this.onStream(stream);
      if (this.#stream === held) return this.#hold(stream);
    } catch {
      this.#chosen = before;
      await this.list();
    }
    stopped(stream); // It is of no use, or the call is over meanwhile.
  }

  /** @param {MediaStream} stream that is listened to from now on */
  #hold(stream) {
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", () => stream === this.#stream && this.onUnplugged());
    stopped(this.#stream);
    this.#stream = stream;
    this.#chosen ||= track.getSettings().deviceId ?? "";
  }
}

/** @param {MediaStream|null} stream */
function stopped(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
