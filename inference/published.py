"""emotion2vec+, CAM++ and ERes2NetV2 as models of the server: whole windows, each by itself, batched by length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.campplus import Campplus
from inference.campplus_rows import RowsCampplus
from inference.emotion2vec import Emotion2vec, frames_in
from inference.eres2netv2_quick import QuickEres2netv2
from inference.int8 import int8
from inference.kaldi import KaldiFbank, centred
from inference.official import SpeakerNet
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

EMOTION_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ
SPEAKER_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ // 2
LEAST_SPEAKER_SAMPLES = SAMPLE_RATE_HZ // 8
"""Of much less ERes2NetV2 has one frame left after its strides, which has no deviation."""
AROUSED = ("angry", "fearful", "happy", "surprised")
MOST_AT_ONCE = {"cpu": 8, "cuda": 256}
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


class PublishedEmotion:
    """emotion2vec+ with its head. Each window is normalised by itself, as the network was trained.

    With `reuse` of a stream's last window (see `inference/reuse.py`) an analysis holds the frames that
    were computed, the newest of the window. The network knows no arousal; what stands for it are the odds of the labels
    of an activated voice against the others.
    """

    role = Role.EMOTION
    overlap_samples = None

    def __init__(
        self,
        net: Emotion2vec,
        name: str,
        licence: str,
        labels: Sequence[str],
        device: str,
        shortcuts: Shortcuts = EXACT,
    ) -> None:
        self.spec = EmotionSpec(name, licence, EMOTION_WINDOW_SAMPLES, tuple(labels))
        self.max_batch = MOST_AT_ONCE[device]
        self.reuse = shortcuts.reuse
        own = int8(net) if shortcuts.int8 else net.to(device)
        self._net = ReusingEmotion2vec(own, EMOTION_WINDOW_SAMPLES, shortcuts.reuse)
        self._device = device
        self._columns = [LABELS.index(label) for label in labels]
        self._aroused = torch.tensor([label in AROUSED for label in labels], device=device)

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

    def _answer(self, windows: Sequence[Window], places: Sequence[int], fresh: int, answers: list[Analysis]) -> None:
        """Into `answers` those of the windows at `places`, of each of which so many frames are new."""
        chosen = [windows[place] for place in places]
        audio = torch.from_numpy(np.stack([window.samples for window in chosen])).to(self._device)
        heard = [window.stream.memory for window in chosen]
        with torch.inference_mode():
            logits, kept = self._net(audio, [window.end_sample for window in chosen], heard, fresh)
            arousal = logits[..., self._aroused].logsumexp(2) - logits[..., ~self._aroused].logsumexp(2)
            own, aroused = logits.float().cpu().numpy(), arousal.float().cpu().numpy()
        full = np.zeros((*own.shape[:2], len(LABELS)), np.float32)
        full[:, :, self._columns] = own
        first = frames_in(EMOTION_WINDOW_SAMPLES) - own.shape[1]
        for row, (place, window) in enumerate(zip(places, chosen, strict=True)):
            answers[place] = EmotionAnalysis(full[row], aroused[row], first)
            if self.reuse is not Reuse.NONE:
                window.stream.memory = kept[row]


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
