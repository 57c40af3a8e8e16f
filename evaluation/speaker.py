"""How well stretches of speech are told apart by voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from evaluation.conditions import CONDITIONS
from evaluation.envelope import speech_frames
from evaluation.manifest import Entry, EvaluationError, Manifest
from evaluation.measures import EqualError, equal_error, minimum_detection_cost, roc_auc
from evaluation.references import Recording, read_rttm
from evaluation.report import Results, percent, progress, table
from inference.model import Model
from monitor.analysis import SpeakerSpec
from monitor.gallery import unit
from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media
from workbench.embedding import HOP_FRAMES, embed

LENGTHS_S = (1.0, 1.5, 2.0, 3.0)
TARGET_PRIORS = (0.01, 0.05)
SPEECH_SHARE = 0.7
"""A stretch is used if at least this part of its frames is speech."""
TRIES = 8
HOW_TO_INSTALL = "first pip install --group peer, then pip install --no-deps resemblyzer==0.1.4"


class Embedder(Protocol):
    """Whatever turns stretches of speech into unit embeddings (stretches, size)."""

    name: str

    def embed(self, stretches: Sequence[Samples]) -> NDArray[np.float64]: ...

    def described(self, length_s: float) -> str:
        """How a stretch of this length is embedded."""
        ...


class ModelEmbedder:
    """A model as the product asks it."""

    def __init__(self, model: Model) -> None:
        if not isinstance(model.spec, SpeakerSpec):
            raise EvaluationError(f"{model.spec.name} is no speaker model")
        self.name = model.spec.name
        self._model = model

    def embed(self, stretches: Sequence[Samples]) -> NDArray[np.float64]:
        return embed(stretches, self._model)

    def described(self, length_s: float) -> str:
        window_s = self._model.spec.window_samples / SAMPLE_RATE_HZ
        if length_s <= window_s:
            return "one window"
        return f"mean of windows of {window_s:g} s every {HOP_FRAMES * FRAME_S:g} s"


class Resemblyzer:
    """The GE2E voice encoder of the package Resemblyzer, as a peer to compare with."""

    name = "resemblyzer"

    def __init__(self) -> None:
        if find_spec("resemblyzer") is None:
            raise EvaluationError(f"--against {self.name}: {HOW_TO_INSTALL}")
        from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder("cpu", verbose=False)

    def embed(self, stretches: Sequence[Samples]) -> NDArray[np.float64]:
        return unit(np.array([self._encoder.embed_utterance(samples) for samples in stretches], np.float64))

    def described(self, length_s: float) -> str:
        return "one utterance"


PEERS = {"resemblyzer": Resemblyzer}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a recording; `first` in samples."""

    entry: Entry
    samples: Samples


@dataclass(frozen=True, slots=True)
class Trials:
    """Every admissible pair of stretches: its cosine, whether it is one speaker."""

    cosine: NDArray[np.float64]
    same: NDArray[np.bool_]

    @property
    def equal_error(self) -> EqualError:
        return equal_error(self.cosine, self.same)

    def row(self) -> Results:
        rate, threshold = self.equal_error
        return {
            "trials": len(self.same),
            "same_speaker": int(self.same.sum()),
            "eer": rate,
            **{f"min_dcf_{prior:g}": minimum_detection_cost(self.cosine, self.same, prior) for prior in TARGET_PRIORS},
            "auc": roc_auc(self.cosine, self.same),
            "threshold": threshold,
        }

    def distribution(self) -> Results:
        """How the cosines of one and of two speakers are spread, and where the errors are equal."""
        one, two = self.cosine[self.same], self.cosine[~self.same]
        return {
            "same": self.equal_error.threshold,
            "same_mean": float(one.mean()),
            "same_std": float(one.std()),
            "different_mean": float(two.mean()),
            "different_std": float(two.std()),
        }


def stretches(
    recordings: Sequence[tuple[Entry, Samples]], length_s: float, seed: int, per_recording: int = 1
) -> list[Stretch]:
    """`per_recording` stretches of each recording, at places drawn by `seed` where most is speech; none of a recording
    that is too short or has no such place."""
    frames = round(length_s / FRAME_S)
    out: list[Stretch] = []
    for entry, samples in recordings:
        rng = np.random.default_rng([seed, crc32(entry.name.encode())])
        speech = speech_frames(samples)
        counts = np.concatenate(([0], np.cumsum(speech)))
        for _ in range(per_recording if len(speech) >= frames else 0):
            firsts = rng.integers(len(speech) - frames + 1, size=TRIES)
            first = int(max(firsts, key=lambda at: counts[at + frames] - counts[at]))
            if counts[first + frames] - counts[first] >= SPEECH_SHARE * frames:
                out.append(Stretch(entry, samples[first * FRAME_SAMPLES : (first + frames) * FRAME_SAMPLES]))
    return out


def trials(chosen: Sequence[Stretch], embeddings: NDArray[np.float64]) -> Trials:
    """All pairs but those of one speaker that share a recording or, where emotions are known, an emotion."""
    speaker = np.array([stretch.entry.speaker for stretch in chosen])
    source = np.array([stretch.entry.emotion or stretch.entry.name for stretch in chosen])
    one, other = np.triu_indices(len(chosen), k=1)
    same = speaker[one] == speaker[other]
    kept = ~same | (source[one] != source[other])
    return Trials((embeddings @ embeddings.T)[one, other][kept], same[kept])


def run_trials(
    recordings: Sequence[tuple[Entry, Samples]],
    embedder: Embedder,
    length_s: float,
    condition: str,
    seed: int = 0,
    per_recording: int = 1,
) -> Trials:
    """The trials of one corpus at one length of speech, under one of CONDITIONS."""
    chosen = stretches(recordings, length_s, seed, per_recording)
    heard = [CONDITIONS[condition](stretch.samples, crc32(stretch.entry.name.encode())) for stretch in chosen]
    if len(heard) < 2:
        return Trials(np.zeros(0), np.zeros(0, np.bool_))
    return trials(chosen, embedder.embed(heard))


def turn_stretches(recording: Recording, length_s: float) -> list[Stretch]:
    """What fits of each turn of a conversation, side by side; two that share a turn share a recording.

    Raises EvaluationError if the recording or its reference cannot be read.
    """
    try:
        audio = np.concatenate(list(media.read(recording.audio, 1)), axis=1)[0]
        turns = read_rttm(recording.rttm.read_text(encoding="utf-8"))
    except (media.MediaError, OSError, ValueError) as error:
        raise EvaluationError(f"{recording.name}: {error}") from None
    size = round(length_s * SAMPLE_RATE_HZ)
    out: list[Stretch] = []
    for number, turn in enumerate(turns):
        entry = Entry(number, f"{recording.name}:{number}", recording.audio, turn.speaker)
        start, end = round(turn.start * SAMPLE_RATE_HZ), min(len(audio), round(turn.end * SAMPLE_RATE_HZ))
        out += [Stretch(entry, audio[at : at + size]) for at in range(start, end - size + 1, size)]
    return out


def run_calls(recordings: Sequence[Recording], embedder: Embedder, length_s: float) -> Trials:
    """The trials within each conversation, put together: one line, one room, the comparisons that a tracker makes."""
    found = [Trials(np.zeros(0), np.zeros(0, np.bool_))]
    for recording in recordings:
        chosen = turn_stretches(recording, length_s)
        if len(chosen) > 1:
            found.append(trials(chosen, embedder.embed([stretch.samples for stretch in chosen])))
    return Trials(np.concatenate([each.cosine for each in found]), np.concatenate([each.same for each in found]))


def evaluate(
    manifest: Manifest,
    embedders: Sequence[Embedder],
    conditions: Sequence[str],
    seed: int,
    calls: Sequence[Recording] = (),
) -> Results:
    """Per embedder: each corpus at each condition and length; and `calls`, one by one, as they were recorded. The
    manifest's recordings must fit in memory: 4 MB a minute."""
    out: Results = {"seed": seed, "models": {}}
    by_dataset: dict[str, list[tuple[Entry, Samples]]] = {}
    for entry, samples in manifest.audio(progress(manifest.entries, "reading")):
        by_dataset.setdefault(entry.dataset, []).append((entry, samples))
    for embedder in embedders:
        rows = []
        cells = [(dataset, c, s) for dataset in sorted(by_dataset) for c in conditions for s in LENGTHS_S]
        for dataset, condition, length_s in progress(cells, f"voices, {embedder.name}"):
            found = run_trials(by_dataset[dataset], embedder, length_s, condition, seed)
            acted = any(entry.emotion for entry, _ in by_dataset[dataset])
            rows.append(
                {"dataset": dataset, "condition": condition, "length_s": length_s, "across_emotions": acted}
                | {"speakers": len({entry.speaker for entry, _ in by_dataset[dataset]})}
                | found.row()
            )
        for recording in calls:
            for length_s in LENGTHS_S[:2]:
                found = run_calls([recording], embedder, length_s)
                rows.append(
                    {"dataset": recording.name, "condition": "as it is", "length_s": length_s, "across_emotions": False}
                    | {"speakers": len({stretch.entry.speaker for stretch in turn_stretches(recording, length_s)})}
                    | found.row()
                )
        out["models"][embedder.name] = {
            "embedded": {f"{length_s:g} s": embedder.described(length_s) for length_s in LENGTHS_S},
            "rows": rows,
        }
    return out


def shown(results: Results) -> Iterator[RenderableType]:
    for name, found in results["models"].items():
        yield f"{name}: " + "; ".join(f"{length}: {how}" for length, how in found["embedded"].items())
        rows = {}
        for row in found["rows"]:
            label = f"{row['dataset']}{', across emotions' * row['across_emotions']}, {row['condition']}"
            rows[f"{label}, {row['length_s']:g} s"] = {
                "speakers": row["speakers"],
                "trials": f"{row['same_speaker']} + {row['trials'] - row['same_speaker']}",
                "EER %": percent(row["eer"]),
                "minDCF 0.01": row["min_dcf_0.01"],
                "minDCF 0.05": row["min_dcf_0.05"],
                "AUC": row["auc"],
                "threshold": row["threshold"],
            }
        yield table("Same speaker or not (trials: same + different)", rows, "corpus")
