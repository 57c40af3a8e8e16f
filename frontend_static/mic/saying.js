/**
 * What is heard right now, in words that need no legend. Pure.
 *
 * @typedef {import("./listening.js").Heard} Heard
 * @typedef {import("../shared/calls.js").Emotion} Emotion
 * @typedef {{label: string|null, word: string, sentence: string, emotion: Emotion|null}} Saying
 *   `label`: what colours and shapes follow, null where nothing is judged; `emotion`: the scores behind the word, null without
 */
import { clock, roleText, speakerText } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energy as levelOf, labelText, labelWord, ranked } from "../shared/labels.js";
import { focus, quiet_s } from "./listening.js";

/** A feeling is shown for so long after the last word; the server's horizon. */
const LINGER_S = 3;
/** In the first moments silence needs no word. */
const EARLY_S = 6;
/** A second feeling is named from here. */
const SECOND = 0.25;

/** @param {Heard} heard @param {number} now_s @param {boolean} loud whether there is sound on the microphone @returns {Saying} */
export function saying(heard, now_s, loud) {
  const channel = focus(heard);
  if (!channel) return nothing("not_inferred");
  const emotion = heard.emotions[channel.channel] ?? null;
  const quiet = quiet_s(heard, channel.channel, now_s);
  if (quiet > LINGER_S) return otherSaying(heard) ?? quietSaying(heard, quiet, now_s, loud);
  if (!emotion?.label) return nothing("first");
  const first = sounds(heard, emotion);
  const second = heard.speaking.length > 1 ? t("mic.now.together") : emotion.reliability === "low" ? t("mic.now.low") : null;
  const sentence = second ? t("mic.now.sentences", { first, second }) : first;
  return { label: emotion.shape === "flat" ? null : emotion.label, word: wordOf(emotion), sentence, emotion };
}

/** @param {"waiting"|"first"|"nobody_yet"|"noise"|"not_inferred"} kind @returns {Saying} */
function nothing(kind) {
  return { label: null, word: t(`mic.now.${kind}.word`), sentence: t(`mic.now.${kind}.says`), emotion: null };
}

/** When someone speaks whose emotion is not inferred. @param {Heard} heard @returns {Saying|null} */
function otherSaying(heard) {
  const [other] = heard.channels.filter(({ channel, emotion }) => !emotion && heard.speaking.includes(channel));
  if (!other) return null;
  const word = t("mic.now.other.word", { who: roleText(other.role) });
  return { label: null, word, sentence: t("mic.now.not_inferred.says"), emotion: null };
}

/** @returns {Saying} */
function quietSaying(/** @type {Heard} */ heard, /** @type {number} */ quiet, /** @type {number} */ now_s, /** @type {boolean} */ loud) {
  if (loud) return nothing("noise");
  const last = lastUsable(heard);
  if (!last) return nothing(now_s < EARLY_S ? "waiting" : "nobody_yet");
  const sentence = t("mic.now.silence.says", { label: labelWord(last), ago: clock(quiet) });
  return { label: null, word: t("mic.now.silence.word"), sentence, emotion: null };
}

/** @param {Emotion} emotion with a label @returns {string} */
function wordOf(emotion) {
  if (emotion.shape === "flat") return t("mic.now.flat");
  const [first, second] = ranked(emotion.scores, SECOND);
  const mixed = emotion.shape === "mixed" && first && second;
  if (mixed) return t("mic.now.mixed", { first: labelText(first.label), second: labelWord(second.label) });
  return emotion.reliability === "low" ? t("mic.now.perhaps", { label: labelWord(emotion.label ?? "") }) : labelText(emotion.label);
}

/** @returns {string} */
function sounds(/** @type {Heard} */ heard, /** @type {Emotion} */ emotion) {
  const energy = t(`mic.energy.${levelOf(emotion.arousal ?? 0)}`);
  if (emotion.shape === "flat") return t("mic.now.flat.says", { energy });
  const role = heard.channels.length > 1 ? focus(heard)?.role : null;
  const speaker = role ? null : (emotion.speaker ?? heard.speaker);
  const who = role ? roleText(role) : speaker ? (heard.names.get(speaker) ?? speakerText(speaker)) : t("mic.now.someone");
  return t("mic.now.sounds", { who, label: labelWord(emotion.label ?? ""), energy });
}

/** @param {Heard} heard @returns {string|null} the label of the newest usable point of any channel */
function lastUsable(heard) {
  const usable = Object.values(heard.detail.points).map((points) => points.findLast((point) => point.label));
  return usable.reduce((best, point) => (point && point.t > (best?.t ?? -1) ? point : best), undefined)?.label ?? null;
}
