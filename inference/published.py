"""emotion2vec+ and CAM++ as models of the server: whole windows, each analysed by itself, in batches of one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from inference.campplus import Campplus
from inference.emotion2vec import Emotion2vec, frames_in, normalised
from inference.kaldi import KaldiFbank, centred
from monitor.analysis import Analysis, EmotionAnalysis, EmotionSpec, Missing, Role, SpeakerAnalysis, SpeakerSpec, Window
from monitor.labels import LABELS
from vad.resample import SAMPLE_RATE_HZ

EMOTION_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ
SPEAKER_WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ // 2
LEAST_SPEAKER_SAMPLES = SAMPLE_RATE_HZ // 10
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


class PublishedEmotion:
    """emotion2vec+ with its head. Each window is normalised by itself, as the network was trained.

    It knows no arousal; what stands for it are the odds of the labels of an activated voice against the others.
    """

    role = Role.EMOTION
    overlap_samples = None

    def __init__(self, net: Emotion2vec, name: str, licence: str, labels: Sequence[str], device: str) -> None:
        self._net = net.to(device)
        self._device = device
        self.max_batch = MOST_AT_ONCE[device]
        self.spec = EmotionSpec(name, licence, EMOTION_WINDOW_SAMPLES, tuple(labels))
        self._columns = [LABELS.index(label) for label in labels]
        aroused = torch.tensor([label in AROUSED for label in labels], device=device)
        self._aroused = aroused

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: list[Analysis] = [Missing.FAILED] * len(windows)
        for places in by_length(windows, self.max_batch):
            if not frames_in(len(windows[places[0]].samples)):
                continue
            audio = torch.from_numpy(np.stack([windows[place].samples for place in places])).to(self._device)
            with torch.inference_mode():
                _, logits = self._net(normalised(audio))
                aroused = logits[..., self._aroused].logsumexp(2) - logits[..., ~self._aroused].logsumexp(2)
                own, arousal = logits.float().cpu().numpy(), aroused.float().cpu().numpy()
            full = np.zeros((*own.shape[:2], len(LABELS)), np.float32)
            full[:, :, self._columns] = own
            for row, place in enumerate(places):
                answers[place] = EmotionAnalysis(full[row], arousal[row])
        return answers


class PublishedSpeaker:
    """CAM++ on windows of up to 1.5 s; the shorter ones of a segment's start are grouped by their length."""

    role = Role.SPEAKER
    overlap_samples = None

    def __init__(self, net: Campplus, spec: SpeakerSpec, device: str) -> None:
        self._net = net.to(device)
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
