"""Whose voice is it, of all who have a voiceprint?"""

from __future__ import annotations

import msgspec

from monitor.analysis import SpeakerSpec
from monitor.gallery import Candidate, Gallery, RecognitionConfig
from workbench.library import Kind, Library
from workbench.sentences import Sentence, say
from workbench.speakers import Voice
from workbench.verification import SURE, VerificationError
from workbench.voiceprints import Voiceprints


class Match(msgspec.Struct, frozen=True):
    """Someone who it may be. `log_odds`: natural logarithm of how much likelier they are than a stranger by the voice
    alone; `probability`: among all who are known and anyone else."""

    name: str
    cosine: float
    log_odds: float
    probability: float


class Identification(msgspec.Struct, frozen=True):
    """`name`: null if it is nobody's for certain enough. `matches`: the likeliest first. `normalised`: whether there
    were voices enough to compare strangers with; `problems`: those of the recording."""

    recording: str
    model: str
    name: str | None
    matches: tuple[Match, ...]
    normalised: bool
    problems: tuple[Sentence, ...]
    sentence: Sentence
    caution: Sentence


def identify(voice: Voice, gallery: Gallery) -> Identification:
    """Raises VerificationError if the voice is of another model than the gallery."""
    if voice.model != gallery.spec.name:
        raise VerificationError("other_model", recording=voice.name, model=voice.model, wanted=gallery.spec.name)
    found = gallery.candidates(voice.vector, voice.windows)
    matches = tuple(
        Match(each.name, round(each.cosine, 4), round(each.log_odds, 3), round(each.probability, 4)) for each in found
    )
    named = found[0] if found and found[0].probability >= gallery.config.certainty else None
    return Identification(
        recording=voice.name,
        model=voice.model,
        name=None if named is None else named.name,
        matches=matches,
        normalised=gallery.normalised,
        problems=voice.quality.problems,
        sentence=_said(voice.name, named, len(gallery)),
        caution=say("voices.caution"),
    )


def _said(recording: str, named: Candidate | None, known: int) -> Sentence:
    if not known:
        return say("identify.nobody_known", recording=recording)
    if named is None:
        return say("identify.unknown", recording=recording, known=known)
    return say(f"identify.{'named' if named.probability >= SURE else 'likely'}", recording=recording, name=named.name)


def open_gallery(
    voiceprints: Voiceprints, library: Library, spec: SpeakerSpec, config: RecognitionConfig, now: float
) -> Gallery:
    """Everyone who is known to a model `now`, in seconds since 1970. Raises SealError."""
    cohort = library.shelf(Kind.COHORT, spec.name)
    return Gallery(spec, voiceprints.people(now, spec.name), cohort.vectors if len(cohort) else None, config)
