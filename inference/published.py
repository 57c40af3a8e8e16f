"""emotion2vec+, CAM++ and ERes2NetV2 as models of the server: whole windows, each by itself, batched by length."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.campplus import Campplus
from inference.campplus_rows import RowsCampplus
from inference.emotion2vec import Emotion2vec, frames_in, normalised
from inference.eres2netv2_quick import QuickEres2netv2
from inference.graphed import GraphedEmotion2vec
from inference.kaldi import KaldiFbank, centred
from inference.model import CheckpointError, EmotionFeatures, Model
from inference.official import SpeakerNet
from inference.precision import Choice, Precision, prepared
from inference.reuse import EXACT, Reuse, ReusingEmotion2vec, Shortcuts
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Missing,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Stream,
    Window,
)
from monitor.labels import LABELS
from vad.grid import SAMPLE_RATE_HZ

log = logging.getLogger("undertone.inference")
EMOTION_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ
SPEAKER_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ // 2
LEAST_SPEAKER_SAMPLES = SAMPLE_RATE_HZ // 8
"""Of much less ERes2NetV2 has one frame left after its strides, which has no deviation."""
AROUSED = ("angry", "fearful", "happy", "surprised")
MOST_AT_ONCE = {"cpu": 8, "cuda": 256}
LONGEST_CLIP_SAMPLES = 30 * SAMPLE_RATE_HZ
"""The network learnt from clips of a few seconds; its attention's memory grows with the square of the length."""
MOST_PAIRS = 16 * frames_in(LONGEST_CLIP_SAMPLES) ** 2
"""Of frames that attend to each other, in a batch of clips on a GPU: 16 of the longest clips."""
Array = NDArray[np.float32]


def by_length(windows: Sequence[Window], most: int) -> Iterator[list[int]]:
    """The places of windows of the same length, at most `most` together."""
    lengths: dict[int, list[int]] = {}
    for place, window in enumerate(windows):
        lengths.setdefault(len(window.samples), []).append(place)
    for places in lengths.values():
        yield from (places[at : at + most] for at in range(0, len(places), most))


def turns(windows: Sequence[Window]) -> list[list[int]]:
    """The places of the windows that are the first of their stream, the second, and so on."""
    out: list[list[int]] = []
    seen: Counter[Stream] = Counter()
    for place, window in enumerate(windows):
        turn = seen[window.stream]
        seen[window.stream] += 1
        if turn == len(out):
            out.append([])
        out[turn].append(place)
    return out


def emotion(
    net: Emotion2vec, name: str, licence: str, labels: Sequence[str], device: str, shortcuts: Shortcuts = EXACT
) -> Model:
    """emotion2vec+ as it runs best on a device. Raises CheckpointError where that cannot do what is asked for."""
    scoring = Scoring(
        EmotionSpec(name, licence, EMOTION_WINDOW_SAMPLES, tuple(labels), embedding_size=net.config.width)
    )
    if device == "cpu":
        choice = prepared(net, shortcuts.precision, EMOTION_WINDOW_SAMPLES)
        if choice.tried:
            log.info("%s: %s", name, said(choice))
        return PublishedEmotion(choice, scoring, shortcuts.reuse)
    if shortcuts.precision is Precision.INT8:
        raise CheckpointError("models.precision int8 is for a CPU, and the device is a GPU")
    dtype = torch.float32 if shortcuts.precision is Precision.FLOAT32 else torch.bfloat16
    return WholeEmotion(GraphedEmotion2vec(net, EMOTION_WINDOW_SAMPLES, device, dtype), scoring)


def said(choice: Choice) -> str:
    """In which numbers a network runs, and why, in words."""
    told = []
    for precision, tried in choice.tried.items():
        apart = ""
        if precision is not Precision.FLOAT32 and tried.scores_apart is not None:
            apart = f", scores differ by {tried.scores_apart:.4f}{'' if tried.near else ': too far'}"
        told.append(f"{precision} {1000 * tried.seconds:.0f} ms{apart}")
    return f"it computes in {choice.precision} (one window: {'; '.join(told)})"


class Scoring:
    """Makes analyses of logits. The network knows no arousal; what stands for it are the odds of the labels of an
    activated voice against the others."""

    def __init__(self, spec: EmotionSpec) -> None:
        self.spec = spec
        self._frames = frames_in(spec.window_samples)
        self._columns = [LABELS.index(label) for label in spec.labels]
        self._aroused = np.array([label in AROUSED for label in spec.labels])

    def __call__(self, logits: Array) -> list[Analysis]:
        """`logits`: (windows, frames, labels), of the newest frames of each window."""
        first = self._frames - logits.shape[1]
        return [self.analysis(own, first) for own in logits]

    def analysis(self, logits: Array, first: int = 0) -> EmotionAnalysis:
        """`logits`: (frames, labels), of a window's frames from `first` on."""
        full = np.zeros((len(logits), len(LABELS)), np.float32)
        full[:, self._columns] = logits
        arousal = _log_sum(logits[:, self._aroused]) - _log_sum(logits[:, ~self._aroused])
        return EmotionAnalysis(full, arousal, first)

    def features(self, embeddings: Tensor, logits: Tensor) -> EmotionFeatures:
        """Of a whole window: (frames, width) and (frames, labels), in any numbers, on any device."""
        own = logits.float().cpu().numpy()
        return EmotionFeatures(self.analysis(own), embeddings.float().cpu().numpy())

    def nothing(self) -> EmotionFeatures:
        """Of a window too short for a frame."""
        labels = np.zeros((0, len(LABELS)), np.float32)
        return EmotionFeatures(
            EmotionAnalysis(labels, labels[:, 0]), np.zeros((0, self.spec.embedding_size), np.float32)
        )


def _log_sum(logits: Array) -> Array:
    """log(sum(exp)) over the last dimension."""
    most = logits.max(-1, keepdims=True)
    out: Array = np.log(np.exp(logits - most).sum(-1)) + most[..., 0]
    return out


class PublishedEmotion:
    """emotion2vec+ with its head, on a CPU. Each window is normalised by itself, as the network was trained.

    With `reuse` of a stream's last window (see `inference/reuse.py`) an analysis holds the frames that
    were computed, the newest of the window.
    """

    role = Role.EMOTION
    overlap_samples = None
    max_batch = MOST_AT_ONCE["cpu"]
    longest_samples = LONGEST_CLIP_SAMPLES

    def __init__(self, choice: Choice, scoring: Scoring, reuse: Reuse) -> None:
        self.spec = scoring.spec
        self.choice = choice
        self.reuse = reuse
        self._net = ReusingEmotion2vec(choice.net, EMOTION_WINDOW_SAMPLES, reuse)
        self._scoring = scoring

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: list[Analysis] = [Missing.FAILED] * len(windows)
        for turn in turns(windows):
            alike: dict[int, list[int]] = {}
            for place in turn:
                window = windows[place]
                if len(window.samples) == EMOTION_WINDOW_SAMPLES:
                    alike.setdefault(self._net.fresh(window.stream.memory, window.end_sample), []).append(place)
            for fresh, places in alike.items():
                for at in range(0, len(places), self.max_batch):
                    self._answer(windows, places[at : at + self.max_batch], fresh, answers)
        return answers

    def embed(self, windows: Sequence[Window]) -> Sequence[EmotionFeatures]:
        """See `EmbeddingModel`. One by one: on a CPU a batch of them is no quicker. The embeddings are the official
        toolkit's: what the last block gives (`extract_embedding` of FunASR's emotion2vec)."""
        return [self._embedded(window) for window in windows]

    @torch.inference_mode()
    def _embedded(self, window: Window) -> EmotionFeatures:
        if not frames_in(len(window.samples)):
            return self._scoring.nothing()
        net = self.choice.net
        wave = normalised(torch.from_numpy(window.samples)[None]).to(net.head.weight.dtype)
        embeddings, logits = net(wave)
        return self._scoring.features(embeddings[0], logits[0])

    def _answer(self, windows: Sequence[Window], places: Sequence[int], fresh: int, answers: list[Analysis]) -> None:
        """Into `answers` those of the windows at `places`, of each of which so many frames are new."""
        chosen = [windows[place] for place in places]
        audio = torch.from_numpy(np.stack([window.samples for window in chosen]))
        heard = [window.stream.memory for window in chosen]
        with torch.inference_mode():
            logits, kept = self._net(audio, [window.end_sample for window in chosen], heard, fresh)
        for place, window, analysis, own in zip(
            places, chosen, self._scoring(logits.float().numpy()), kept, strict=True
        ):
            answers[place] = analysis
            if self.reuse is not Reuse.NONE:
                window.stream.memory = own


class WholeEmotion:
    """emotion2vec+ with its head, on a GPU: whole windows in batches of fixed sizes."""

    role = Role.EMOTION
    overlap_samples = None
    longest_samples = LONGEST_CLIP_SAMPLES

    def __init__(self, net: GraphedEmotion2vec, scoring: Scoring) -> None:
        self.spec = scoring.spec
        self.max_batch = net.sizes[-1]
        self._net = net
        self._scoring = scoring

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: list[Analysis] = [Missing.FAILED] * len(windows)
        places = [place for place, window in enumerate(windows) if len(window.samples) == EMOTION_WINDOW_SAMPLES]
        if places:
            found = self._scoring(self._net([windows[place].samples for place in places]))
            for place, analysis in zip(places, found, strict=True):
                answers[place] = analysis
        return answers

    def embed(self, windows: Sequence[Window]) -> Sequence[EmotionFeatures]:
        """See `EmbeddingModel`. Windows of similar length together."""
        answers = [self._scoring.nothing() for _ in windows]
        places = [place for place, window in enumerate(windows) if frames_in(len(window.samples))]
        places.sort(key=lambda place: len(windows[place].samples))
        for places_together in _within(places, [frames_in(len(windows[place].samples)) for place in places]):
            found = self._net.embed([windows[place].samples for place in places_together])
            for place, (embeddings, logits) in zip(places_together, found, strict=True):
                answers[place] = self._scoring.features(embeddings, logits)
        return answers


def _within(places: Sequence[int], frames: Sequence[int]) -> Iterator[Sequence[int]]:
    """Places of rising numbers of frames, as many together as have MOST_PAIRS pairs of frames in all."""
    first = 0
    for at, own in enumerate(frames):
        if (at + 1 - first) * own**2 > MOST_PAIRS and at > first:
            yield places[first:at]
            first = at
    if places:
        yield places[first:]


def quick(net: SpeakerNet) -> Callable[[Tensor], Tensor]:
    """A network laid out for speed: the same numbers to rounding."""
    return RowsCampplus(net) if isinstance(net, Campplus) else QuickEres2netv2(net)


class PublishedSpeaker:
    """CAM++ or ERes2NetV2 on windows of up to 1.5 s; the shorter ones of a segment's start are grouped by length."""

    role = Role.SPEAKER
    overlap_samples = None

    def __init__(self, net: SpeakerNet, spec: SpeakerSpec, device: str) -> None:
        self._net = quick(net.to(device))
        self._fbank = KaldiFbank(net.config.mels).to(device)
        self._device = device
        self.max_batch = MOST_AT_ONCE[device]
        self.spec = spec

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: list[Analysis] = [Missing.FAILED] * len(windows)
        for places in by_length(windows, self.max_batch):
            if len(windows[places[0]].samples) < LEAST_SPEAKER_SAMPLES:
                continue
            audio = torch.from_numpy(np.stack([windows[place].samples for place in places])).to(self._device)
            with torch.inference_mode():
                embeddings = self._net(centred(self._fbank(audio))).float().cpu().numpy()
            for row, place in enumerate(places):
                answers[place] = SpeakerAnalysis(embeddings[row])
        return answers
