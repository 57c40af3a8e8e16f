/** In the audio thread: hands the microphone's samples to the page as messages of 16-bit PCM; when asked, the rest, and null. */
import { Packer } from "./packing.js";

class PcmWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.packer = new Packer(sampleRate, (message) => this.port.postMessage(message, [message.buffer]));
    this.port.onmessage = () => {
      this.packer.flush();
      this.port.postMessage(null);
    };
  }

  /** @param {Float32Array[][]} inputs @returns {boolean} true: go on */
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (samples) this.packer.add(samples);
    return true;
  }
}

registerProcessor("pcm", PcmWorklet);
