"""What the workbench says to people: plain English, with a key and values by which a page can say it otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SENTENCES: Mapping[str, str] = {
    # what a recording sounds like
    "emotion.pure": "Sounds {first}, and nothing else comes near.",
    "emotion.leading": "Sounds {first} more than anything else; {second} comes next.",
    "emotion.mixed": "Sounds {first} and {second} at once; neither stands alone.",
    "emotion.flat": "No feeling stands out.",
    "emotion.unusable": "There is too little speech to say anything.",
    # how far to trust that
    "band.high": "Can be trusted as far as the model goes.",
    "band.medium": "Check it against what is said.",
    "band.low": "Weak; a longer or cleaner recording would say more.",
    "band.unusable": "Do not use it.",
    # moments
    "moment.turn": "Turns from {before} to {label} at {at_s} s.",
    "moment.shift": "Stays {label}, but changes noticeably at {at_s} s.",
    "moment.peak": "Most clearly {label} from {start_s} to {end_s} s.",
    # about the audio
    "audio.clipped": "{percent} % of the samples are cut off at full scale; lower the gain where it is recorded.",
    "audio.quiet": "The speech is quiet ({level_dbfs} dB below full scale).",
    "audio.noisy": "The speech is only {snr_db} dB above the noise; below 10 dB neutral comes out too high.",
    "audio.telephone": "A telephone recording: nothing above {band_limit_hz} Hz.",
    "audio.upsampled": "Nothing above {band_limit_hz} Hz: a telephone recording, saved at {rate_hz} Hz.",
    "audio.narrow": "Nothing above {band_limit_hz} Hz, although its rate of {rate_hz} Hz would hold more.",
    "audio.little_speech": "Only {speech_s} s of speech; from a second on, and better three, the result is firmer.",
    "audio.cut_off": "The end is missing: {missing_s} of {declared_s} s.",
    "audio.end_missing": "The end of the file is missing; how much is not known.",
    "audio.damaged": "Damaged after {decoded_s} s; what follows is left out.",
    # why there is no result, and what to do
    "failed.not_found": "There is no such file.",
    "failed.not_permitted": "It may not be read.",
    "failed.not_audio": "FFmpeg cannot read it as a recording.",
    "failed.no_sound_track": "It has no sound track.",
    "failed.wrong_channels": "It has {channels} channel(s), and {wanted} are needed to keep the parties apart.",
    "failed.no_sound": "It is empty.",
    "failed.cannot_be_decoded": "Its sound cannot be decoded.",
    "failed.cut_off": "More than half of it is missing: {missing_s} of {declared_s} s.",
    "failed.too_short": "It is too short: {duration_s} s, and {least_s} s are needed.",
    "failed.too_long": "It is longer than {longest_s} s.",
    "failed.silent": "It is silent: nothing above {peak_dbfs} dB of full scale.",
    "failed.clipped": "{percent} % of the samples are cut off at full scale: what was said is mostly distortion.",
    "failed.no_speech": "Nobody speaks in it: {speech_s} s of speech in {duration_s} s.",
    "failed.model": "The model failed on it.",
    "remedy.not_found": "Check the path.",
    "remedy.not_permitted": "Give yourself the right to read it, or copy it.",
    "remedy.not_audio": "Is it a recording, and complete? Open it in a player, and export it as WAV or FLAC.",
    "remedy.no_sound_track": "Choose the file that has the sound.",
    "remedy.wrong_channels": "Leave the roles out to analyse all channels as one.",
    "remedy.no_sound": "Record or upload it again.",
    "remedy.cannot_be_decoded": "Export it as WAV or FLAC with the program that made it.",
    "remedy.cut_off": "Upload or copy it again.",
    "remedy.too_short": "Use a longer piece; three to ten seconds of speech are best.",
    "remedy.too_long": "Cut it into parts, or raise the limit.",
    "remedy.silent": "Was the microphone muted, or the wrong channel recorded?",
    "remedy.clipped": "Record again with a lower gain.",
    "remedy.no_speech": "Check that it is the right file; if somebody does speak, let every frame count.",
    "remedy.model": "Look into the log; try the file alone.",
    # about embeddings
    "embeddings.fine": "{rows} x {size} numbers, all finite, of usual length.",
    "embeddings.zero": "{number} of {rows} embeddings are all zero: there is nothing in them.",
    "embeddings.not_finite": "{number} of {rows} embeddings hold what is no number: do not use them.",
    "embeddings.unusual": "Their length, {norm}, lies outside the usual {least} to {most}: listen to the recording.",
    "embeddings.unchecked": "{rows} x {size} numbers, all finite; what length is usual for this model is not known.",
    "embeddings.none": "There is nothing to make an embedding of.",
    # about voices, and voiceprints
    "voice.little_speech": "Only {speech_s} s of speech; {least_s} s or more are better.",
    "voice.clipped": "{percent} % of the samples reach full scale; lower the gain where it is recorded.",
    "voice.noisy": "The speech is only {snr_db} dB above the noise; record where it is quieter.",
    "voice.several": "The voice changes within the recording; do several people speak in it?",
    "enrolment.recording": "{name}: {problem}",
    "enrolment.short": "Only {speech_s} s of speech; {enough_s} s or more tell people apart better.",
    "enrolment.single": "Only one recording; a voice differs from day to day and from line to line, several show how.",
    "voices.caution": "This does not authenticate anyone: a voice can be recorded, played back and imitated.",
    # what cannot be done with voices
    "refused.few_voices": "{voices} recording(s) with a voice; two or more are needed.",
    "refused.other_model": "{recording} was embedded by {model}, not by {wanted}.",
    "refused.prior": "The prior {prior} is no probability between 0 and 1.",
    "refused.little_speech":
        "{speech_s} s of speech in {recordings} recording(s) are too few; {least_s} s are needed, "
        "{enough_s} s in several recordings are good.",
    "refused.stranger": "{recording} sounds like someone else than the other recordings do; leave it out.",
    "refused.taken": "There is a voiceprint of {name} already; delete or replace it.",
    "refused.unknown": "There is no voiceprint of {name}.",
    "refused.no_name": "{name} is no name: 1 to {most} printable characters, without spaces around them.",
    "refused.no_purpose": "A voiceprint needs consent to a purpose; say which.",
    "refused.long": "A purpose has {most_purpose} characters at most, and a note {most_note}.",
    "refused.expired": "The consent has expired already; nothing is kept.",
    "refused.consent": "A consent is given before it ends, and holds for {years} years at most.",
    "refused.no_document": "It is not a document of voiceprints: {problem}.",
    "refused.document_model":
        "The voiceprints are of the model {model}, and {wanted} is in use; "
        "enrol from recordings again, or use that model.",
    "refused.sealed": "{name}: the vector cannot be read: {problem}.",
    "refused.no_vector": "{name}: the vector is not {size} numbers, not all zero.",
    # the same speaker or not
    "verify.same": "{one} and {other} very likely have the same speaker.",
    "verify.likely_same": "{one} and {other} probably have the same speaker.",
    "verify.unclear": "Whether {one} and {other} have the same speaker cannot be told.",
    "verify.likely_different": "{one} and {other} probably have different speakers.",
    "verify.different": "{one} and {other} very likely have different speakers.",
    "verify.all_same": "All {pairs} pairs of recordings pass for the same speaker.",
    "verify.some_differ": "{apart} of {pairs} pairs do not pass for the same speaker; least alike: {one}, {other}.",
    # whose voice it is
    "identify.named": "The speaker of {recording} is very likely {name}.",
    "identify.likely": "The speaker of {recording} is probably {name}.",
    "identify.unknown": "The speaker of {recording} is none of the {known} known for certain enough.",
    "identify.nobody_known": "Nobody has a voiceprint yet, so the speaker of {recording} cannot be named.",
    # between recordings
    "alike.very": "Very alike.",
    "alike.fairly": "Fairly alike.",
    "alike.different": "Different.",
    "alike.voices": "Compare the two to know whether it is one speaker.",
    "cluster.clear": "{groups} groups that are clearly apart.",
    "cluster.some": "{groups} groups that are apart, but not by much.",
    "cluster.faint": "{groups} groups that run into each other: a way of sorting, not kinds.",
    "cluster.none": "No groups stand out.",
    "compare.meets": "The group meets the standard: likeness {score}, the reference among itself {usual}.",
    "compare.review": "The group should be reviewed: likeness {score}, the reference among itself {usual}.",
    "compare.at_risk": "The group is at risk, unlike the reference: likeness {score}, that among itself {usual}.",
    "compare.more": "{measure}: more, {group} on average instead of {reference}.",
    "compare.less": "{measure}: less, {group} on average instead of {reference}.",
}  # fmt: skip


class Sentence(msgspec.Struct, frozen=True):
    """`text` is the template that SENTENCES has for `key`, filled with `values`."""

    key: str
    text: str
    values: dict[str, str | float] = {}


def say(key: str, **values: str | float) -> Sentence:
    """Raises KeyError for a key that is not there, or a value that its template needs and is not given."""
    return Sentence(key, SENTENCES[key].format(**values), values)
