"""What `inference.remote` is told to load in other processes. Some of the models say what came across to them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import numpy as np

from inference.model import SLOW_S, CheckpointError, Models
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Spec,
    SpeechAnalysis,
    SpeechSpec,
    Stream,
    Window,
)
from monitor.labels import LABELS

OVERLAP = 240
EMOTION = EmotionSpec("telling-emotion", "none", 3200, ("angry", "sad"))
SPEAKER = SpeakerSpec("telling-speaker", "none", 3200, 7, 0.9, 0.1, 0.1, 0.1)
SPEECH = SpeechSpec("telling-judge", "none", 3200)
BROKEN, DEADLY, SLOW = -1.0, -2.0, -3.0
"""Last samples of windows on which the model fails, kills its process, or takes its time."""


@dataclass(frozen=True)
class Came:
    """What a model was given for a window, and what it knew then."""

    samples: int
    first: float
    last: float
    span: int
    speech: int
    """How many frames of speech; -1: it was not said which."""
    heard: int
    """How many windows of its stream had come, with this one."""
    streams: int
    """How many streams the model knew."""


class TellingModel:
    """Answers each window with what came across."""

    max_batch = 8

    def __init__(self, role: Role, spec: Spec, overlap_samples: int | None) -> None:
        self.role = role
        self.spec = spec
        self.overlap_samples = overlap_samples
        self._streams: WeakSet[Stream] = WeakSet()

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        last = [float(window.samples[-1]) for window in windows]
        if DEADLY in last:
            os.kill(os.getpid(), signal.SIGKILL)
        if SLOW in last:
            time.sleep(30)
        if BROKEN in last:
            raise RuntimeError("out of order")
        return [self._told(window) for window in windows]

    def _told(self, window: Window) -> Analysis:
        stream, samples = window.stream, window.samples
        self._streams.add(stream)
        stream.memory = (stream.memory or 0) + 1
        speech = -1 if window.speech is None else int(window.speech.sum())
        told = [len(samples), samples[0], samples[-1], window.span, speech, stream.memory, len(self._streams)]
        if self.role is Role.SPEECH:
            return SpeechAnalysis(bytes([stream.memory, len(self._streams)]))
        if self.role is Role.SPEAKER:
            return SpeakerAnalysis(np.array(told, np.float32))
        logits = np.zeros((len(samples) // 320, len(LABELS)), np.float32)
        logits[:, : len(told)] = told
        return EmotionAnalysis(logits, np.arange(len(logits), dtype=np.float32))


class LargeModel(TellingModel):
    """Takes so long for any window that it must not hold up the others."""

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        time.sleep(2 * SLOW_S)
        return super().analyse(windows)


def came(analysis: Analysis) -> Came:
    assert isinstance(analysis, (SpeakerAnalysis, EmotionAnalysis))
    told = analysis.embedding if isinstance(analysis, SpeakerAnalysis) else analysis.logits[0, :7]
    samples, first, last, span, speech, heard, streams = told.tolist()
    return Came(int(samples), first, last, int(span), int(speech), int(heard), int(streams))


def telling() -> Models:
    """The speaker model wants new samples only, and some before them; the others want whole windows."""
    return {
        Role.EMOTION: TellingModel(Role.EMOTION, EMOTION, None),
        Role.SPEAKER: TellingModel(Role.SPEAKER, SPEAKER, OVERLAP),
        Role.SPEECH: TellingModel(Role.SPEECH, SPEECH, None),
    }


def large() -> Models:
    """An emotion model that takes its time, beside one that does not."""
    return {**telling(), Role.EMOTION: LargeModel(Role.EMOTION, EMOTION, None)}


def embedded() -> Models:
    """Those that ship with Undertone."""
    import torch

    from inference.loading import load

    torch.set_num_threads(1)
    return load("undertone-emotion-small", "undertone-speaker-small", "cpu", speech=True)


def damaged(message: str) -> Models:
    raise CheckpointError(message)


def dying() -> Models:
    os._exit(3)


def but_not_the_second_time(log: Path) -> Models:
    """Writes down every attempt to load."""
    with log.open("a") as attempts:
        attempts.write("x")
    if log.stat().st_size == 2:
        raise CheckpointError("it was there a moment ago")
    return telling()


class TwoPartError(Exception):
    """An exception that cannot be made again from what it says."""

    def __init__(self, part: str, other: str) -> None:
        super().__init__(f"{part} and {other}")


def failing() -> Models:
    raise TwoPartError("this", "that")
