/** Who has a lane on the strip: the voices of the call, and those of one that broke off as long as they are to be seen. Pure. */
import { speakerShort } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { voicesSince } from "./past.js";
import { laneName, voicesOf } from "./voices.js";

/** @typedef {import("./listening.js").Heard} Heard */
/** @typedef {{name: string, colour: string, turns: import("../shared/turns.js").Turn[]}} Lane `colour`: a property of theme.css */

/** @param {Heard} heard @param {number} from_s where the strip begins @returns {Lane[]} */
export function lanesOf(heard, from_s) {
  const now = voicesOf(heard).map((speaker, i) =>
    ({ name: speakerShort(speaker, heard.names), colour: laneName(i), turns: heard.detail.turns.filter((turn) => turn.speaker === speaker) }));
  const before = heard.past.toReversed().flatMap((past) => voicesSince(past, from_s).map((speaker) => ({
    name: t("mic.voices.before", { name: speakerShort(speaker, past.names) }),
    colour: "quiet", // Whether it is one of the voices above nobody knows.
    turns: past.turns.filter((turn) => turn.speaker === speaker),
  })));
  return [...now, ...before];
}
