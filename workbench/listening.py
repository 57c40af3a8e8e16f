"""Recordings, heard as calls are: where there is speech, and what it is worth. Many side by side, so that models get
whole batches; of each only what is still needed is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from inference.batcher import checked
from inference.model import Model
from monitor.analysis import Role, SpeechAnalysis, Stream, Window
from vad.cuts import Cutting, Occurrence, SpeechCut
from vad.endpointing import Closed, EndpointingConfig
from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import Listener
from vad.pcm import Samples

log = logging.getLogger("undertone.workbench")
SIDE_BY_SIDE = 32
HOP_FRAMES = 25
FULL_SCALE = 0.999
SHORTEST_FRAMES = 15
"""Segments of speech that are shorter than 0.3 s tell nothing of a voice."""


@dataclass(frozen=True, slots=True)
class Audio:
    """What is to be heard: `blocks`, shape (n,), float32 at 16 kHz."""

    name: str
    blocks: Iterator[Samples]


@dataclass(slots=True)
class Sound:
    """What was heard of a recording, whatever was said. Times in seconds; `clipped_share`: of all samples."""

    samples: int = 0
    clipped: int = 0
    segments: list[tuple[int, int]] = field(default_factory=list)
    """Speech, in frames [start, end)."""
    _energies: list[NDArray[np.float32]] = field(default_factory=list)
    _rest: Samples = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def duration_s(self) -> float:
        return self.samples / SAMPLE_RATE_HZ

    @property
    def speech_s(self) -> float:
        return sum(end - start for start, end in self.segments) * FRAME_S

    @property
    def clipped_share(self) -> float:
        return self.clipped / max(1, self.samples)

    @property
    def snr_db(self) -> float | None:
        """Mean energy of speech against the median of what lies between (edges of speech are loud); None without
        either, or where pauses are digital silence (nobody knows what noise lay there)."""
        energies = np.concatenate(self._energies) if self._energies else np.zeros(0, np.float32)
        speech = np.zeros(len(energies), np.bool_)
        for start, end in self.segments:
            speech[start:end] = True
        noise = energies[~speech & (energies > 0)]
        if not len(noise) or not speech.any():
            return None
        floor = max(float(np.median(noise)), 1e-10)
        return float(10 * np.log10(max(float(energies[speech].mean()) - floor, 1e-10) / floor))

    def hear(self, samples: Samples) -> None:
        self.samples += len(samples)
        self.clipped += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // FRAME_SAMPLES * FRAME_SAMPLES
        self._energies.append(np.square(joined[:whole].reshape(-1, FRAME_SAMPLES)).mean(axis=1))
        self._rest = joined[whole:]


@dataclass(frozen=True, slots=True)
class Ended:
    """A recording was heard to its end. `number` counts recordings."""

    number: int
    name: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Cut:
    """Speech cut out of a recording; the windows of one `stream` come in order."""

    number: int
    speech: SpeechCut
    stream: Stream


@dataclass(slots=True)
class _Ear:
    number: int
    audio: Audio
    listener: Listener
    sound: Sound = field(default_factory=Sound)
    judging: Stream = field(default_factory=Stream)
    voice: Stream = field(default_factory=Stream)
    finished: bool = False


class Listening:
    """How recordings are heard: by which settings, with which judge of speech (needed by every backend but webrtcvad),
    and how long the windows of the model are that hears the voices."""

    def __init__(self, endpointing: EndpointingConfig, judge: Model | None, window_samples: int) -> None:
        self._endpointing = endpointing
        self._judge = judge if endpointing.backend != "webrtcvad" else None
        self._judged = self._judge.spec.window_samples // FRAME_SAMPLES if self._judge is not None else 0
        window = window_samples // FRAME_SAMPLES
        self._cutting = Cutting(
            HOP_FRAMES, 6 * HOP_FRAMES, speech=window, speech_min=window, speech_floor=SHORTEST_FRAMES
        )

    def hear(self, recordings: Iterator[Audio]) -> Iterator[tuple[list[Cut], list[Ended]]]:
        """Hear recordings to their ends, SIDE_BY_SIDE at a time, a block of each in turn: what was cut out of them, and
        which have ended since the last time."""
        waiting = enumerate(recordings)
        while together := [self._ear(number, each) for number, each in islice(waiting, SIDE_BY_SIDE)]:
            while together:
                occurred = [(ear, self._advance(ear)) for ear in together]
                self._judge_speech(occurred)
                cuts = [Cut(ear.number, cut, ear.voice) for ear, found in occurred for cut in _cuts(ear, found)]
                yield cuts, [Ended(ear.number, ear.audio.name, ear.sound) for ear in together if ear.finished]
                together = [ear for ear in together if not ear.finished]

    def _ear(self, number: int, audio: Audio) -> _Ear:
        return _Ear(number, audio, Listener(self._endpointing, self._cutting, self._judged))

    def _advance(self, ear: _Ear) -> list[Occurrence]:
        """The next block, or the end."""
        block = next(ear.audio.blocks, None)
        if block is not None:
            ear.sound.hear(block)
            return ear.listener.feed(block)
        ear.finished = True
        return ear.listener.finish_hearing()

    def _levels(self, judge: Model, windows: Sequence[Window]) -> list[bytes | None]:
        """What the judge answers; None of those on which it fails: then the gate's word counts, as in a live call."""
        levels: list[bytes | None] = []
        for at in range(0, len(windows), judge.max_batch):
            some = windows[at : at + judge.max_batch]
            try:
                answers = [checked(analysis, judge.spec) for analysis in judge.analyse(some)]
            except Exception:
                log.exception("%s failed on %d windows", judge.spec.name, len(some))
                levels += [None] * len(some)
                continue
            levels += [answer.levels if isinstance(answer, SpeechAnalysis) else None for answer in answers]
        return levels

    def _judge_speech(self, occurred: list[tuple[_Ear, list[Occurrence]]]) -> None:
        """Let the judge say what is speech; what follows from that joins what occurred."""
        asked = [(ear, found, block) for ear, found in occurred for block in ear.listener.take_unjudged()]
        if self._judge is not None and asked:
            windows = [
                Window(number, Role.SPEECH, 0, end * FRAME_SAMPLES, samples, ear.judging)
                for number, (ear, _, (_, end, samples)) in enumerate(asked)
            ]
            for (ear, found, (frame, _, _)), levels in zip(asked, self._levels(self._judge, windows), strict=True):
                found += ear.listener.judge(frame, levels)
        for ear, found in occurred:
            if ear.finished:
                found += ear.listener.flush()


def _cuts(ear: _Ear, occurred: list[Occurrence]) -> Iterator[SpeechCut]:
    """The cuts; edges of speech go to the sound."""
    for occurrence in occurred:
        if isinstance(occurrence, Closed):
            ear.sound.segments.append((occurrence.start, occurrence.end))
        elif isinstance(occurrence, SpeechCut):
            yield occurrence
