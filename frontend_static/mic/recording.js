/**
 * An audio file as PCM at the rate that the server analyses.
 * @typedef {"mix"|"customer,agent"|"agent,customer"} Layout how the file's channels are sent
 */
import { t } from "../shared/i18n.js";

export const RATE_HZ = 16_000;
/** Decoding unpacks the whole file in memory, so it is bounded. */
const MOST_BYTES = 200 * 2 ** 20;

export class RecordingError extends Error {
  /** @param {() => string} text in the language in force */
  constructor(text) {
    super(text());
    this.text = text;
  }
}

/** @param {File} file @returns {Promise<AudioBuffer>} resampled to 16 kHz. Throws a RecordingError. */
export async function decode(file) {
  const { name } = file;
  if (file.size > MOST_BYTES) throw new RecordingError(() => t("mic.recording.too_big", { name, most: MOST_BYTES / 2 ** 20 }));
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  try {
    return await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new RecordingError(() => t("mic.recording.unreadable", { name }));
  }
}

/** @param {Layout} layout @returns {{channels: number, roles: string|null}} as the stream's query says it */
export function wireLayout(layout) {
  return layout === "mix" ? { channels: 1, roles: null } : { channels: 2, roles: layout };
}

/**
 * @param {Float32Array[]} channels of one length @param {Layout} layout @param {number} from @param {number} to frames
 * @returns {Int16Array} little-endian on every machine a browser runs on; interleaved when stereo
 */
export function pcm(channels, layout, from, to) {
  const end = Math.min(to, channels[0].length);
  const outs = layout === "mix" ? 1 : 2;
  const out = new Int16Array(Math.max(0, end - from) * outs);
  for (let i = from, at = 0; i < end; i++) {
    if (outs === 1) out[at++] = s16(channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
    else for (let c = 0; c < 2; c++) out[at++] = s16(channels[c][i]);
  }
  return out;
}

/** @param {number} sample in [-1, 1] */
function s16(sample) {
  return Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
}
