"""One voiceprint out of several recordings of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.analysis import SpeakerSpec
from monitor.cosines import expected
from monitor.gallery import unit
from workbench.refusals import RefusalError
from workbench.sentences import Sentence, say
from workbench.speakers import Vector, Voice

LEAST_SPEECH_S = 3.0
ENOUGH_SPEECH_S = 10.0


class EnrolmentError(RefusalError):
    """Recordings of which no voiceprint is made."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A voiceprint before it has a name: `vector` (size,), of length 1; `windows`: full windows' worth of speech;
    `problems`: what makes it less sure."""

    model: str
    vector: Vector
    windows: float
    recordings: int
    speech_s: float
    problems: tuple[Sentence, ...]


def portray(voices: Sequence[Voice], spec: SpeakerSpec) -> Portrait:
    """The mean of the voices, each as it stands, of length 1. Raises EnrolmentError for voices of another model, less
    than 3 s of speech, or a recording that sounds like somebody else than the others do."""
    if strange := next((voice for voice in voices if voice.model != spec.name), None):
        raise EnrolmentError("other_model", recording=strange.name, model=strange.model, wanted=spec.name)
    speech_s = sum(voice.quality.speech_s for voice in voices)
    if speech_s < LEAST_SPEECH_S:
        raise EnrolmentError(
            "little_speech",
            speech_s=round(float(speech_s), 1),
            recordings=len(voices),
            least_s=LEAST_SPEECH_S,
            enough_s=ENOUGH_SPEECH_S,
        )
    if (stranger := _stranger(voices, spec)) is not None:
        raise EnrolmentError("stranger", recording=stranger.name)
    return Portrait(
        model=spec.name,
        vector=unit(np.sum([voice.vector for voice in voices], axis=0)).astype(np.float32),
        windows=sum(voice.windows for voice in voices),
        recordings=len(voices),
        speech_s=round(speech_s, 2),
        problems=tuple(_problems(voices, speech_s)),
    )


def _stranger(voices: Sequence[Voice], spec: SpeakerSpec) -> Voice | None:
    """The recording that is least like the mean of the others, if two speakers explain that better than one."""
    if len(voices) < 2:
        return None
    odds = []
    for place, voice in enumerate(voices):
        others = [other for at, other in enumerate(voices) if at != place]
        rest = unit(np.sum([other.vector for other in others], axis=0))
        cosines = expected(spec, voice.windows, sum(other.windows for other in others))
        odds.append(float(cosines.log_odds(float(voice.vector @ rest))))
    least = int(np.argmin(odds))
    return voices[least] if odds[least] < 0 else None


def _problems(voices: Sequence[Voice], speech_s: float) -> list[Sentence]:
    found = [
        say("enrolment.recording", **each.values, name=voice.name, problem=each.text, problem_key=each.key)
        for voice in voices
        for each in voice.quality.problems
    ]
    if speech_s < ENOUGH_SPEECH_S:
        found.append(say("enrolment.short", speech_s=round(speech_s, 1), enough_s=ENOUGH_SPEECH_S))
    if len(voices) == 1:
        found.append(say("enrolment.single"))
    return found
