"""What the probabilities and thresholds of verification and identification are worth, by how much is heard.

Sides of so many seconds of speech are put together of a speaker's recordings; the two sides of a pair of one speaker
share no recording and, where emotions are given, no emotion. Everything else is the product's own: embeddings, cosines,
odds, thresholds, galleries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType
from sklearn.isotonic import IsotonicRegression

from evaluation.conditions import CONDITIONS
from evaluation.envelope import runs, speech_frames
from evaluation.manifest import Entry, Manifest
from evaluation.measures import Flags, Reals
from evaluation.report import Results, percent, progress, table
from inference.model import Model
from monitor.analysis import Role, SpeakerSpec, Stream, Window
from monitor.cosines import expected
from monitor.gallery import Gallery, Person, RecognitionConfig, unit
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench.embedding import HOP_FRAMES, embed_windows
from workbench.verification import MOST_ODDS, Purpose, threshold

LENGTHS_S = ((1.5, 1.5), (3.0, 3.0), (6.0, 6.0), (12.0, 12.0), (12.0, 3.0))
ENROLLED_S, HEARD_S = 12.0, (3.0, 6.0, 12.0)
SIDES, FEWEST = 6, 20
"""Sides drawn of each speaker; pairs of one speaker that a corpus must give at least."""
DRAWS = 6
"""Times that half of the speakers are drawn to be known."""
HOP_SAMPLES = HOP_FRAMES * FRAME_SAMPLES
FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class Source:
    """A recording: the unit embeddings of its windows, which end every half second."""

    entry: Entry
    rows: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Side:
    """Some seconds of a speaker: the mean of the windows, and what it was taken from."""

    speaker: str
    sources: frozenset[str]
    vector: NDArray[np.float64]


class Calibration:
    """Measures one speaker model."""

    def __init__(self, model: Model, seed: int) -> None:
        assert isinstance(model.spec, SpeakerSpec)
        self.spec = model.spec
        self._model = model
        self._seed = seed
        self._window_s = model.spec.window_samples / SAMPLE_RATE_HZ

    def sources(self, manifest: Manifest, condition: str) -> list[Source]:
        """Every recording that is long enough for a window, from its first to its last speech."""
        out = []
        for entry, samples in manifest.audio(progress(manifest.entries, f"voices, {condition}")):
            heard = CONDITIONS[condition](samples, crc32(entry.name.encode()))
            spoken = runs(speech_frames(heard))
            if spoken:
                heard = heard[spoken[0][0] * FRAME_SAMPLES : spoken[-1][1] * FRAME_SAMPLES]
            if len(heard) >= self.spec.window_samples:
                out.append(Source(entry, self._embed(heard)))
        return out

    def _embed(self, samples: Samples) -> NDArray[np.float64]:
        stream, size = Stream(), self.spec.window_samples
        ends = range(size, len(samples) + 1, HOP_SAMPLES)
        return embed_windows(
            [Window(at, Role.SPEAKER, 0, end, samples[end - size : end], stream) for at, end in enumerate(ends)],
            self._model,
        )

    def sides(
        self, sources: Sequence[Source], seconds: float, rng: np.random.Generator, each: int = SIDES
    ) -> list[Side]:
        """`each` of every speaker of whom there is enough."""
        by_speaker: dict[str, list[Source]] = {}
        for source in sources:
            by_speaker.setdefault(source.entry.speaker, []).append(source)
        drawn = (self._side(own, seconds, rng) for own in by_speaker.values() for _ in range(each))
        return [side for side in drawn if side is not None]

    def _side(self, own: Sequence[Source], seconds: float, rng: np.random.Generator) -> Side | None:
        """Recordings in a drawn order, of the last a stretch at a drawn place, until there are `seconds`."""
        parts: list[NDArray[np.float64]] = []
        names: set[str] = set()
        heard_s = 0.0
        for place in rng.permutation(len(own)):
            source = own[place]
            lack = max(1, round((seconds - heard_s - self._window_s) * SAMPLE_RATE_HZ / HOP_SAMPLES) + 1)
            first = int(rng.integers(max(1, len(source.rows) - lack + 1)))
            part = source.rows[first : first + lack]
            parts.append(part)
            names.add(source.entry.emotion or source.entry.name)
            heard_s += self._window_s + (len(part) - 1) * HOP_SAMPLES / SAMPLE_RATE_HZ
            if heard_s >= seconds - HOP_SAMPLES / SAMPLE_RATE_HZ / 2:
                return Side(own[0].entry.speaker, frozenset(names), unit(np.concatenate(parts).mean(axis=0)))
        return None

    def verification(self, sources: Sequence[Source], seconds: tuple[float, float]) -> Results | None:
        """Pairs of sides of so many seconds; None if there are too few."""
        rng = np.random.default_rng(self._seed)
        one, other = (self.sides(sources, length_s, rng) for length_s in seconds)
        cosine, same = _pairs(one, other)
        if min(int(same.sum()), int((~same).sum())) < FEWEST:
            return None
        windows = seconds[0] / self._window_s, seconds[1] / self._window_s
        odds = expected(self.spec, *windows).log_odds(cosine).clip(-MOST_ODDS, MOST_ODDS)
        row: Results = {"pairs": len(same), "same_speaker": int(same.sum())}
        row |= {"cllr": cost(odds, same), "least_cllr": least_cost(cosine, same), "ece": gap(odds, same)}
        for purpose in Purpose:
            least = threshold(self.spec, purpose, *windows)
            row[purpose.value] = {
                "threshold": least,
                "accepted": float(np.mean(cosine[~same] >= least)),
                "missed": float(np.mean(cosine[same] < least)),
            }
        return row

    def identification(
        self, sources: Sequence[Source], heard_s: float, cohort: NDArray[np.float64] | None, config: RecognitionConfig
    ) -> Results | None:
        """Half of the speakers are known by 12 s of speech; the others are strangers."""
        counts = {"known": 0, "right": 0, "wrong": 0, "strangers": 0, "named": 0}
        known = 0
        for draw in range(DRAWS):
            rng = np.random.default_rng([self._seed, draw])
            people = {side.speaker: side for side in self.sides(sources, ENROLLED_S, rng, each=1)}
            chosen = sorted(people)
            rng.shuffle(chosen)
            chosen = chosen[: len(chosen) // 2]
            known = len(chosen)
            windows = ENROLLED_S / self._window_s
            persons = [Person(name, people[name].vector.astype(np.float32), windows) for name in chosen]
            gallery = Gallery(self.spec, persons, None if cohort is None else cohort.astype(np.float32), config)
            for side in self.sides(sources, heard_s, rng, each=3):
                if side.speaker in chosen and people[side.speaker].sources & side.sources:
                    continue
                found = gallery.identify(side.vector, heard_s / self._window_s)
                if side.speaker in chosen:
                    counts["known"] += 1
                    counts["right"] += found is not None and found.name == side.speaker
                    counts["wrong"] += found is not None and found.name != side.speaker
                else:
                    counts["strangers"] += 1
                    counts["named"] += found is not None
        if min(counts["known"], counts["strangers"]) < FEWEST:
            return None
        return {
            "people": known,
            "trials": counts["known"] + counts["strangers"],
            "named_right": counts["right"] / counts["known"],
            "named_wrong": counts["wrong"] / counts["known"],
            "strangers_named": counts["named"] / counts["strangers"],
        }


def _pairs(one: Sequence[Side], other: Sequence[Side]) -> tuple[Reals, Flags]:
    """Each side of `one` with each of `other`: cosine, and whether it is one speaker; those that share a source are
    left out."""
    if not one or not other:
        return np.zeros(0), np.zeros(0, np.bool_)
    cosine = np.array([side.vector for side in one]) @ np.array([side.vector for side in other]).T
    same = np.array([[first.speaker == second.speaker for second in other] for first in one])
    shared = np.array([[bool(first.sources & second.sources) for second in other] for first in one])
    kept = ~(same & shared)
    return cosine[kept], same[kept]


def cost(odds: Reals, same: Flags) -> float:
    """Cllr: bits lost to odds that are off, both kinds of pairs weighing the same; 1 is worthless (Bruemmer and du
    Preez 2006). `odds`: natural logarithms."""
    return float((np.logaddexp(0, -odds[same]).mean() + np.logaddexp(0, odds[~same]).mean()) / (2 * math.log(2)))


def least_cost(scores: Reals, same: Flags) -> float:
    """The least Cllr that any rising function of the scores has on these pairs."""
    weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    fitted = IsotonicRegression(y_min=FLOOR, y_max=1 - FLOOR, out_of_bounds="clip").fit(scores, same, weight)
    chance = fitted.predict(scores)
    return cost(np.log(chance / (1 - chance)), same)


def gap(odds: Reals, same: Flags, bins: int = 10) -> float:
    """How far probabilities at even priors lie from how often it is one speaker, on average."""
    chance = 1 / (1 + np.exp(-odds))
    weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    place = np.minimum((chance * bins).astype(int), bins - 1)
    return float(sum(abs(np.sum((weight * (same - chance))[place == each])) for each in range(bins)))


def evaluate(
    manifest: Manifest, model: Model, conditions: Sequence[str], seed: int, cohort: Manifest | None = None
) -> Results:
    """Per condition and corpus. `cohort`: recordings of other people to compare with; they are heard alike."""
    calibration, config = Calibration(model, seed), RecognitionConfig()
    out: Results = {"model": model.spec.name, "seed": seed, "certainty": config.certainty, "conditions": {}}
    for condition in conditions:
        by_corpus: dict[str, list[Source]] = {}
        for source in calibration.sources(manifest, condition):
            by_corpus.setdefault(source.entry.dataset, []).append(source)
        others = None if cohort is None else _voices(calibration.sources(cohort, condition))
        verified: dict[str, list[Results]] = {}
        identified: dict[str, list[Results]] = {}
        for dataset, sources in sorted(by_corpus.items()):
            for seconds in LENGTHS_S:
                if row := calibration.verification(sources, seconds):
                    verified.setdefault(f"{seconds[0]:g} s, {seconds[1]:g} s", []).append({"corpus": dataset} | row)
            for heard_s in HEARD_S:
                for name, voices in {"without a cohort": None, "with the cohort": others}.items():
                    if voices is None and name != "without a cohort":
                        continue
                    if row := calibration.identification(sources, heard_s, voices, config):
                        identified.setdefault(f"{heard_s:g} s, {name}", []).append({"corpus": dataset} | row)
        out["conditions"][condition] = {"verification": verified, "identification": identified}
    return out


def _voices(sources: Sequence[Source]) -> NDArray[np.float64]:
    """One embedding of each speaker, (speakers, size)."""
    by_speaker: dict[str, list[NDArray[np.float64]]] = {}
    for source in sources:
        by_speaker.setdefault(source.entry.speaker, []).append(source.rows)
    return unit(np.array([np.concatenate(rows).mean(axis=0) for rows in by_speaker.values()]))


def shown(results: Results) -> Iterator[RenderableType]:
    yield f"{results['model']}: means over the corpora"
    for condition, found in results["conditions"].items():
        rows = {}
        for lengths, corpora in found["verification"].items():
            rows[lengths] = {
                "corpora": len(corpora),
                "pairs": sum(each["pairs"] for each in corpora),
                "Cllr": _mean(corpora, "cllr"),
                "least Cllr": _mean(corpora, "least_cllr"),
                "ECE": _mean(corpora, "ece"),
            } | {
                f"{purpose}: accepted, missed %": f"{percent(_mean(each := _each(corpora, purpose), 'accepted'))}, "
                f"{percent(_mean(each, 'missed'))}"
                for purpose in Purpose
            }
        yield table(f"One speaker or two, {condition}", rows, "speech of both")
        rows = {
            heard: {
                "corpora": len(corpora),
                "people": "/".join(str(each["people"]) for each in corpora),
                "trials": sum(each["trials"] for each in corpora),
                "named right %": percent(_mean(corpora, "named_right")),
                "wrong %": percent(_mean(corpora, "named_wrong")),
                "strangers named %": percent(_mean(corpora, "strangers_named")),
            }
            for heard, corpora in found["identification"].items()
        }
        yield table(f"Who is it, at a certainty of {results['certainty']:g}, {condition}", rows, "heard")


def _each(corpora: Sequence[Mapping[str, Results]], purpose: Purpose) -> list[Results]:
    return [each[purpose.value] for each in corpora]


def _mean(rows: Sequence[Mapping[str, float]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
