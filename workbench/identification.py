"""Whose voice is it, of all who have a voiceprint?"""

from __future__ import annotations

import msgspec

from monitor.analysis import SpeakerSpec
from monitor.gallery import Gallery, RecognitionConfig
from workbench.library import Kind, Library
from workbench.speakers import Problem, Voice
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
    problems: tuple[Problem, ...]
    key: str
    sentence: str
    caution: str = "This does not authenticate anyone: a voice can be recorded, played back and imitated."


def identify(voice: Voice, gallery: Gallery) -> Identification:
    """Raises VerificationError if the voice is of another model than the gallery."""
    if voice.model != gallery.spec.name:
        raise VerificationError(f"{voice.name} was embedded by {voice.model}, not by {gallery.spec.name}")
    found = gallery.candidates(voice.vector, voice.windows)
    matches = tuple(
        Match(each.name, round(each.cosine, 4), round(each.log_odds, 3), round(each.probability, 4)) for each in found
    )
    named = found[0] if found and found[0].probability >= gallery.config.certainty else None
    key, sentence = _said(voice.name, named.name if named else None, named.probability if named else 0.0, len(gallery))
    return Identification(
        recording=voice.name,
        model=voice.model,
        name=None if named is None else named.name,
        matches=matches,
        normalised=gallery.normalised,
        problems=voice.quality.problems,
        key=key,
        sentence=sentence,
    )


def _said(recording: str, name: str | None, probability: float, known: int) -> tuple[str, str]:
    if not known:
        return "identify.nobody_known", f"Nobody has a voiceprint yet, so the speaker of {recording} cannot be named."
    if name is None:
        return "identify.unknown", f"The speaker of {recording} is none of the {known} known for certain enough."
    if probability >= SURE:
        return "identify.named", f"The speaker of {recording} is very likely {name}."
    return "identify.likely", f"The speaker of {recording} is probably {name}."


def open_gallery(
    voiceprints: Voiceprints, library: Library, spec: SpeakerSpec, config: RecognitionConfig, now: float
) -> Gallery:
    """Everyone who is known to a model `now`, in seconds since 1970. Raises SealError."""
    cohort = library.shelf(Kind.COHORT, spec.name)
    return Gallery(spec, voiceprints.people(now, spec.name), cohort.vectors if len(cohort) else None, config)
