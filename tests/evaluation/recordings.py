"""Recordings on disk for the tests, and models whose answers follow from the samples."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monitor.analysis import Analysis, EmotionSpec, Role, SpeakerSpec, Window
from tests.scripted import EMOTION, SPEAKER, answer
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples


def write_wav(path: Path, *channels: Samples) -> None:
    """16-bit PCM at 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = (np.clip(np.stack(channels, axis=1), -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm.tobytes())


class ScriptedModel:
    """Answers as `tests.scripted.answer` does, and counts its batches."""

    max_batch = 8

    def __init__(self, role: Role) -> None:
        self.role = role
        self.spec: EmotionSpec | SpeakerSpec = EMOTION if role is Role.EMOTION else SPEAKER
        self.batches: list[list[Window]] = []

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        self.batches.append(list(windows))
        return [answer(window) for window in windows]
