"""Do two or more recordings hold the same voice?

The cosine alone means something else for every model and every length. Beside it stand the threshold for the purpose,
at these lengths, and the probability. None of it authenticates anyone: voices can be played back, and be made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

import msgspec
import numpy as np

from monitor.analysis import SpeakerSpec
from monitor.cosines import expected
from workbench.refusals import RefusalError
from workbench.sentences import Sentence, say
from workbench.speakers import Voice

MOST_ODDS = math.log(1000)
"""However clear two voices are, nothing was measured on pairs enough to claim more."""
SURE, LIKELY = 0.95, 0.75
RULE_WINDOWS = 4.0
"""At this length of both voices, 6 s with windows of 1.5 s, a model's declared thresholds hold."""


class Purpose(StrEnum):
    """What a comparison is for: how many strangers may pass."""

    ACCESS = "access"
    IDENTITY = "identity"
    GROUPING = "grouping"


FALSE_ACCEPTS = {Purpose.ACCESS: 0.001, Purpose.IDENTITY: 0.01, Purpose.GROUPING: 0.05}
"""The share of the pairs of different speakers that may lie above the threshold."""


class Pair(msgspec.Struct, frozen=True):
    """Two recordings compared. `same`: whether `cosine` reaches `threshold`; `log_odds`: natural logarithm of how much
    likelier one speaker makes that cosine than two do; `probability` that it is one, with the prior asked for."""

    one: str
    other: str
    cosine: float
    threshold: float
    same: bool
    log_odds: float
    probability: float
    sentence: Sentence


class Verification(msgspec.Struct, frozen=True):
    """All pairs; `same` if each is. `caution`: what a person should know who acts on it."""

    model: str
    purpose: Purpose
    prior: float
    pairs: tuple[Pair, ...]
    same: bool
    sentence: Sentence
    caution: Sentence


class VerificationError(RefusalError):
    """Voices that cannot be compared."""


def threshold(spec: SpeakerSpec, purpose: Purpose, one: float, other: float) -> float:
    """The least cosine that counts as the same voice, for voices of which `one` and `other` full windows' worth were
    heard. A threshold that the model declares holds for voices of RULE_WINDOWS; at other lengths the one that as many
    strangers exceed."""
    cosines = expected(spec, one, other)
    declared = spec.thresholds.get(purpose.value)
    if declared is None:
        return float(cosines.threshold(FALSE_ACCEPTS[purpose]))
    return float(cosines.cosine(expected(spec, RULE_WINDOWS, RULE_WINDOWS).deviations(declared)))


def compare(one: Voice, other: Voice, spec: SpeakerSpec, purpose: Purpose, prior: float = 0.5) -> Pair:
    """`prior`: how likely it is before anything is heard that both are one speaker, in (0, 1)."""
    cosine = float(np.dot(one.vector, other.vector))
    least = threshold(spec, purpose, one.windows, other.windows)
    odds = float(np.clip(expected(spec, one.windows, other.windows).log_odds(cosine), -MOST_ODDS, MOST_ODDS))
    probability = 1 / (1 + math.exp(-odds - math.log(prior / (1 - prior))))
    return Pair(
        one=one.name,
        other=other.name,
        cosine=round(cosine, 4),
        threshold=round(least, 4),
        same=cosine >= least,
        log_odds=round(odds, 3),
        probability=round(probability, 4),
        sentence=said(one.name, other.name, probability),
    )


def verify(voices: Sequence[Voice], spec: SpeakerSpec, purpose: Purpose, prior: float = 0.5) -> Verification:
    """Compare each with each. Raises VerificationError for fewer than two voices, voices of other models, and a prior
    that is none."""
    if len(voices) < 2:
        raise VerificationError("few_voices", voices=len(voices))
    if strange := next((voice for voice in voices if voice.model != spec.name), None):
        raise VerificationError("other_model", recording=strange.name, model=strange.model, wanted=spec.name)
    if not 0 < prior < 1:
        raise VerificationError("prior", prior=prior)
    pairs = tuple(compare(one, other, spec, purpose, prior) for one, other in combinations(voices, 2))
    same = all(pair.same for pair in pairs)
    sentence = pairs[0].sentence if len(pairs) == 1 else _said_of_all(pairs)
    return Verification(spec.name, purpose, prior, pairs, same, sentence, say("voices.caution"))


def said(one: str, other: str, probability: float) -> Sentence:
    """How likely it is that both have one speaker, in words."""
    levels = {
        "same": SURE,
        "likely_same": LIKELY,
        "unclear": 1 - LIKELY,
        "likely_different": 1 - SURE,
        "different": 0.0,
    }
    reached = next(name for name, least in levels.items() if probability >= least)
    return say(f"verify.{reached}", one=one, other=other)


def _said_of_all(pairs: Sequence[Pair]) -> Sentence:
    apart = [pair for pair in pairs if not pair.same]
    if not apart:
        return say("verify.all_same", pairs=len(pairs))
    worst = min(apart, key=lambda pair: pair.probability)
    return say("verify.some_differ", apart=len(apart), pairs=len(pairs), one=worst.one, other=worst.other)
