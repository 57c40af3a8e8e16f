"""How well single recordings of one emotion each are told apart, and how far the scores can be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from evaluation.conditions import CONDITIONS
from evaluation.manifest import Entry, EvaluationError, Manifest
from evaluation.measures import (
    calibration_error,
    confusion,
    equal_error,
    macro_f1,
    roc_auc,
    softmax,
    unweighted_accuracy,
)
from evaluation.report import Results, progress, table
from evaluation.scoring import Score, score_calls, score_clips
from inference.model import Model
from monitor.analysis import EmotionSpec
from monitor.labels import LABELS
from monitor.reading import Reading, read
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

NO_LABELS = frozenset({"other", "unknown"})
"""Never the truth of a recording as far as labels go: what a corpus calls so is a mixture of its own."""
HIGH_AROUSAL = frozenset({"angry", "fearful", "happy", "surprised"})
LOW_AROUSAL = frozenset({"neutral", "sad"})
CALL_S = 180.0
"""How long a call made of one speaker's recordings is at most."""
LEVELS = ("high", "medium", "low", "unusable")


@dataclass(frozen=True, slots=True)
class EmotionScores:
    """What a model said of `entries`: mean `logits` (n, 9) and `arousal` logits (n,) of the speech frames, and the
    reading that the product would give. `heard` (n,): enough was taken for speech to be read at all."""

    spec: EmotionSpec
    entries: Sequence[Entry]
    logits: NDArray[np.float64]
    arousal: NDArray[np.float64]
    heard: NDArray[np.bool_]
    readings: Sequence[Reading]

    @property
    def labels(self) -> tuple[str, ...]:
        """Those that the model knows, in the order of LABELS."""
        return tuple(label for label in LABELS if label in self.spec.labels)

    @property
    def known_logits(self) -> NDArray[np.float64]:
        """(n, labels)"""
        return self.logits[:, [LABELS.index(label) for label in self.labels]]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Index into `labels`; -1 where the true label is none that can be asked of the model."""
        return np.array([self._truth(entry) for entry in self.entries], np.int64)

    @property
    def aroused(self) -> NDArray[np.int64]:
        """1 high, 0 low, -1 not known."""
        return np.array([arousal_of(entry) for entry in self.entries], np.int64)

    def of(self, chosen: NDArray[np.bool_]) -> EmotionScores:
        places = np.flatnonzero(chosen).tolist()
        return EmotionScores(
            self.spec,
            [self.entries[place] for place in places],
            self.logits[places],
            self.arousal[places],
            self.heard[places],
            [self.readings[place] for place in places],
        )

    def _truth(self, entry: Entry) -> int:
        return self.labels.index(entry.emotion) if is_known(entry, self.spec) else -1


def is_known(entry: Entry, spec: EmotionSpec) -> bool:
    return entry.emotion in spec.labels and entry.emotion not in NO_LABELS


def arousal_of(entry: Entry) -> int:
    """High 1, low 0, neither -1. Boredom, which stands as `other` in EmoDB's rows, is low."""
    if entry.emotion in HIGH_AROUSAL:
        return 1
    low = entry.emotion in LOW_AROUSAL or (entry.dataset == "emodb" and entry.emotion == "other")
    return 0 if low else -1


def emotion_spec(model: Model) -> EmotionSpec:
    if not isinstance(model.spec, EmotionSpec):
        raise EvaluationError(f"{model.spec.name} is no emotion model")
    return model.spec


def score_recordings(manifest: Manifest, entries: Iterable[Entry], model: Model, condition: str) -> EmotionScores:
    """Every recording that can be read, under one of CONDITIONS."""
    spec = emotion_spec(model)
    used: list[Entry] = []

    def heard() -> Iterator[Samples]:
        for entry, samples in manifest.audio(entries):
            used.append(entry)
            yield CONDITIONS[condition](samples, crc32(entry.name.encode()))

    return _scores(spec, used, list(score_clips(heard(), model)))


def score_in_calls(
    manifest: Manifest, entries: Iterable[Entry], model: Model, condition: str, seed: int
) -> EmotionScores:
    """As `score_recordings`, but each speaker's recordings follow each other in calls of three minutes, in an order
    drawn by `seed`: each is heard after what its speaker said before, in whatever mood."""
    by_speaker: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_speaker.setdefault((entry.dataset, entry.speaker), []).append(entry)
    used: list[Entry] = []

    def calls() -> Iterator[list[Samples]]:
        for key, own in by_speaker.items():
            order = np.random.default_rng([seed, crc32("/".join(key).encode())]).permutation(len(own))
            call: list[Samples] = []
            for entry, samples in manifest.audio(own[place] for place in order):
                if sum(map(len, call)) > CALL_S * SAMPLE_RATE_HZ:
                    yield call
                    call = []
                used.append(entry)
                call.append(CONDITIONS[condition](samples, crc32(entry.name.encode())))
            if call:
                yield call

    return _scores(emotion_spec(model), used, [score for call in score_calls(calls(), model) for score in call])


def _scores(spec: EmotionSpec, used: Sequence[Entry], scores: Sequence[Score]) -> EmotionScores:
    spans = [score.span for score in scores]
    frames = np.array([max(span.frames, 1) for span in spans], np.float64)
    return EmotionScores(
        spec,
        used,
        np.array([span.logits for span in spans]).reshape(-1, len(LABELS)) / frames[:, None],
        np.array([span.arousal for span in spans]) / frames,
        np.array([score.heard for score in scores], np.bool_),
        [read(score.span, spec, score.snr_db) for score in scores],
    )


def evaluate(
    manifest: Manifest, entries: Sequence[Entry], model: Model, conditions: Sequence[str], seed: int = 0
) -> Results:
    """Per condition: all recordings, each corpus, each language, the confusions, and accuracy by reliability; and the
    same measures where each speaker's recordings follow each other in calls."""
    spec = emotion_spec(model)
    labelled = [entry for entry in entries if entry.emotion]
    if not labelled:
        raise EvaluationError(f"{manifest.path}: no row has an emotion")
    strange = Counter(entry.emotion for entry in labelled if not is_known(entry, spec))
    out: Results = {
        "model": spec.name,
        "recordings": len(labelled),
        "speakers": len({entry.speaker for entry in labelled}),
        "without_emotion": len(entries) - len(labelled),
        "labels_left_out": dict(strange),
        "conditions": {},
    }
    for condition in conditions:
        scores = score_recordings(manifest, progress(labelled, f"emotion, {condition}"), model, condition)
        in_calls = score_in_calls(
            manifest, progress(labelled, f"emotion in calls, {condition}"), model, condition, seed
        )
        datasets = _by(in_calls, "dataset")
        rows = {"datasets": datasets, "mean_of_datasets": mean_row(datasets), "all": row(in_calls)}
        out["conditions"][condition] = describe(scores) | {"in_calls": rows}
    return out


def describe(scores: EmotionScores) -> Results:
    known = scores.of(scores.truth >= 0)
    guess = known.known_logits.argmax(axis=1) if len(known.entries) else np.zeros(0, np.int64)
    datasets = _by(scores, "dataset")
    return {
        "all": row(scores),
        "datasets": datasets,
        "mean_of_datasets": mean_row(datasets),
        "languages": _by(scores, "language"),
        "confusion": {"labels": scores.labels, "counts": confusion(known.truth, guess, len(scores.labels))},
        "reliability": reliability(known),
    }


def row(scores: EmotionScores) -> Results:
    """The measures of one set of recordings; None where there is nothing to measure."""
    known = scores.of(scores.truth >= 0)
    rated = scores.of(scores.aroused >= 0)
    truth = known.truth
    chances = softmax(known.known_logits) if len(truth) else np.zeros((0, len(scores.labels)))
    guess = chances.argmax(axis=1)
    angry = scores.labels.index("angry") if "angry" in scores.labels else None
    anger = (chances[:, angry], truth == angry) if angry is not None else (np.zeros(0), np.zeros(0, np.bool_))
    return {
        "clips": len(truth),
        "ua": unweighted_accuracy(truth, guess),
        "wa": float(np.mean(guess == truth)) if len(truth) else math.nan,
        "macro_f1": macro_f1(truth, guess),
        "angry_auc": roc_auc(*anger),
        "angry_eer": equal_error(*anger).rate,
        "arousal_auc": roc_auc(rated.arousal, rated.aroused == 1),
        "ece": calibration_error(chances, truth),
        "unheard": int(np.sum(~scores.heard)),
    }


def mean_row(rows: Mapping[str, Results]) -> Results:
    """The mean of each measure over the corpora that have it."""
    out: Results = {}
    for key in next(iter(rows.values()), {}):
        values = [float(row[key]) for row in rows.values() if math.isfinite(row[key])]
        counted = key in ("clips", "unheard")
        out[key] = int(sum(values)) if counted else float(np.mean(values)) if values else math.nan
    return out


def reliability(known: EmotionScores) -> dict[str, Results]:
    """Per level, as the product would call each recording: how many, and how often the label was right."""
    out: dict[str, Results] = {}
    for level in LEVELS:
        right = [
            reading.label == entry.emotion
            for entry, reading in zip(known.entries, known.readings, strict=True)
            if reading.reliability == level
        ]
        said = level != "unusable"
        out[level] = {"clips": len(right), "accuracy": float(np.mean(right)) if right and said else None}
    return out


def _by(scores: EmotionScores, key: str) -> dict[str, Results]:
    values = np.array([getattr(entry, key) for entry in scores.entries])
    return {str(value): row(scores.of(values == value)) for value in np.unique(values) if value}


def shown(results: Results) -> Iterator[RenderableType]:
    left_out = ", ".join(f"{count} {label}" for label, count in results["labels_left_out"].items())
    yield (
        f"{results['model']}: {results['recordings']} recordings of {results['speakers']} speakers"
        + (f"; {results['without_emotion']} rows without an emotion are left out" * bool(results["without_emotion"]))
        + (f"; of no label that it knows, so left out of all but arousal: {left_out}" if left_out else "")
    )
    for condition, found in results["conditions"].items():
        rows = dict(found["datasets"])
        if len(rows) > 1:
            rows |= {"mean of corpora": found["mean_of_datasets"], "all recordings": found["all"]}
        if len(found["languages"]) > 1:
            rows |= {f"language {name}": row for name, row in found["languages"].items()}
        yield table(f"Emotion, {condition}, each recording a call of its own", rows, "corpus")
        rows = dict(found["in_calls"]["datasets"])
        if len(rows) > 1:
            rows |= {"mean of corpora": found["in_calls"]["mean_of_datasets"]}
        yield table(f"Emotion, {condition}, each after what its speaker said before", rows, "corpus")
        labels, counts = found["confusion"]["labels"], found["confusion"]["counts"]
        yield table(
            f"Taken for, {condition}",
            {label: dict(zip(labels, line, strict=True)) for label, line in zip(labels, counts, strict=True)},
            "is",
        )
        yield table(f"Right by reliability, {condition}", found["reliability"], "reliability")
