"""Who is known: whether a voice is that of one of them, or of a stranger.

A voice is one of N people, each as likely as the other, or a stranger. How alike two voices are that are not the same
depends on both of them, so where there is a cohort of other voices the distribution of strangers is not the model's but
that of the pair: as in adaptive score normalisation (Matejka et al. 2017) it is taken from the COHORT_NEAREST of the
cohort that are nearest to the one and to the other voice. Being the nearest they say of themselves how far the rest
lies off: of a normal distribution the mean and the spread of the upper part are known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from monitor.cosines import Cosines, expected, on_fishers_scale

Array = NDArray[np.float64]
LEAST_COHORT, MOST_COHORT = 30, 1000
"""Fewer voices say too little about strangers, and more say hardly more."""
COHORT_NEAREST = 40
LIKELIER = 0.5
SHORTLIST = 10
"""People that a voice is weighed against with the cohort; all others are less like it."""
LEAST_SPREAD, LEAST_GAP = 0.05, 0.3
"""Strangers are never taken to be more alike than so, and the same speaker lies so far above them at least; on Fisher's
scale."""


@dataclass(frozen=True, slots=True)
class RecognitionConfig:
    """Settings of recognising people by their voiceprints."""

    identify_live: bool = False
    "Name those who speak in live calls and have a voiceprint: biometric identification, off unless it is wanted"
    known_share: Annotated[float, Gt(0), Lt(1)] = 0.5
    "How many of those who speak have a voiceprint, as a share: the likelihood before anything is heard"
    certainty: Annotated[float, Gt(0.5), Lt(1)] = 0.9
    "Probability from which a person is named"
    listen_s: Annotated[float, Ge(1), Le(600)] = 3.0
    "Seconds of speech of one speaker, at least, before a live call asks who that is"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a voiceprint: `vector` (size,), of any length; `windows`: full windows' worth of speech in it."""

    name: str
    vector: NDArray[np.float32]
    windows: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """How far a voice is that of a person: `log_odds` against a stranger, `probability` among all who are known."""

    name: str
    cosine: float
    log_odds: float
    probability: float


class Gallery:
    """The people who are known to one model. Never changes; whoever comes or goes makes a new one."""

    def __init__(
        self,
        spec: SpeakerSpec,
        people: Sequence[Person],
        cohort: NDArray[np.float32] | None = None,
        config: RecognitionConfig = RecognitionConfig(),
    ) -> None:
        """`cohort` (voices, size): other people's; without it, or if it has fewer than LEAST_COHORT, the people
        themselves stand for strangers to each other, if they are enough."""
        self.spec = spec
        self.config = config
        self.names = tuple(person.name for person in people)
        self._people = tuple(people)
        self._others = cohort
        self._vectors = unit(np.array([person.vector for person in people]).reshape(len(people), spec.embedding_size))
        self._windows = np.array([person.windows for person in people])
        own = cohort is None or len(cohort) < LEAST_COHORT
        others = self._vectors if own or cohort is None else unit(cohort)
        self._cohort = others[:MOST_COHORT] if len(others) - own >= LEAST_COHORT else None
        self._own = own
        if self._cohort is not None:
            within = on_fishers_scale(self._vectors @ self._cohort.T)
            self._strangers = _strangers(within, self._excluded(np.arange(len(people))))

    def __len__(self) -> int:
        return len(self.names)

    def only(self, names: Collection[str]) -> Gallery:
        """Without whoever is none of these."""
        return Gallery(self.spec, [each for each in self._people if each.name in names], self._others, self.config)

    @property
    def normalised(self) -> bool:
        """Whether there are voices enough to tell how strangers compare."""
        return self._cohort is not None

    def candidates(self, vector: NDArray[np.floating], windows: float) -> list[Candidate]:
        """Those that a voice may be of, the likeliest first, SHORTLIST at most. `vector` (size,), of any length."""
        if not len(self):
            return []
        voice = unit(np.asarray(vector, np.float64))
        cosines = self._vectors @ voice
        near = np.argsort(-cosines, kind="stable")[:SHORTLIST]
        odds = self._distributions(voice, windows, near).log_odds(cosines[near])
        prior = self.config.known_share
        weights = np.append(odds + np.log(prior / len(self)), np.log(1 - prior))
        likely = np.exp(weights - weights.max())
        likely /= likely.sum()
        found = [
            Candidate(self.names[place], float(cosines[place]), float(odd), float(chance))
            for place, odd, chance in zip(near, odds, likely[:-1], strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.probability)

    def identify(self, vector: NDArray[np.floating], windows: float, so_far: str | None = None) -> Candidate | None:
        """The person whose voice it is for certain enough; else whoever it was taken for `so_far`, as long as that is
        more likely than not."""
        found = self.candidates(vector, windows)
        if found and found[0].probability >= self.config.certainty:
            return found[0]
        return next((each for each in found if each.name == so_far and each.probability >= LIKELIER), None)

    def _distributions(self, voice: Array, windows: float, near: NDArray[np.intp]) -> Cosines:
        """How the cosines of `voice` and each of the people `near` it would be distributed."""
        usual = expected(self.spec, windows, self._windows[near])
        if self._cohort is None:
            return usual
        rows = np.repeat(on_fishers_scale(self._cohort @ voice)[None], len(near), axis=0)
        mean, std = _strangers(rows, self._excluded(near))
        own_mean, own_std = self._strangers[0][near], self._strangers[1][near]
        between = (mean + own_mean) / 2
        spread = np.maximum(np.sqrt((std**2 + own_std**2) / 2), LEAST_SPREAD)
        return Cosines(np.maximum(usual.same_mean, between + LEAST_GAP), usual.same_std, between, spread)

    def _excluded(self, people: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """Which of the cohort is no stranger to each: they themselves, if the people are the cohort. Of more people
        than that some are not in it; they leave out another one, which changes next to nothing."""
        return people % MOST_COHORT if self._own else None


def unit(rows: NDArray[np.floating]) -> Array:
    """The same directions, of length 1; what is all zero stays so."""
    given = np.asarray(rows, np.float64)
    return np.asarray(given / np.maximum(np.linalg.norm(given, axis=-1, keepdims=True), 1e-12))


def _strangers(cosines: Array, excluded: NDArray[np.intp] | None) -> tuple[Array, Array]:
    """Mean and spread of each row of cosines on Fisher's scale, shape (rows, voices), as its largest tell them; of each
    row one voice is left out."""
    voices = cosines.shape[1]
    if excluded is not None:
        cosines = cosines.copy()
        cosines[np.arange(len(cosines)), excluded] = -np.inf
        voices -= 1
    kept = min(COHORT_NEAREST, voices)
    nearest = np.partition(cosines, -kept, axis=1)[:, -kept:]
    mean, std = nearest.mean(axis=1), nearest.std(axis=1)
    if kept == voices:
        return mean, std
    normal, share = NormalDist(), kept / voices
    from_z = normal.inv_cdf(1 - share)
    ahead = normal.pdf(from_z) / share  # mean of the upper part of a standard normal distribution
    std = std / np.sqrt(1 + from_z * ahead - ahead * ahead)
    return mean - ahead * std, std
