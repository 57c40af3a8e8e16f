"""Where speech begins and ends: a two-state machine over speech probabilities.

    SILENCE --[mean over the onset span  >= onset ]--> SPEECH     the segment starts at the span's first voiced frame
    SPEECH  --[mean over the hangover    <  offset]--> SILENCE    the segment ended after its last voiced pair of frames

A pause shorter than the hangover keeps a segment open; a lone voiced frame neither opens nor prolongs one.
Probabilities are counted in whole 255ths, so that sums are exact and the edges do not depend on the chunking.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from vad.resample import FRAME_S

Backend = Literal["webrtcvad", "silero", "cascade"]
VOICED = 128
"""A frame counts as voiced from this many 255ths on."""


@dataclass(frozen=True, slots=True)
class EndpointingConfig:
    """Settings of speech detection; times are rounded to frames of 20 ms."""

    backend: Backend = "silero"
    "Who tells speech from noise: webrtcvad, silero, or cascade (silero judges what webrtcvad lets pass)"
    mode: Annotated[int, Ge(0), Le(3)] = 3
    "Strictness of webrtcvad, 0 (lets most pass) to 3; of no account with silero"
    onset: Annotated[float, Gt(0), Le(1)] = 0.4
    "Mean speech probability over the onset span from which speech begins"
    offset: Annotated[float, Gt(0), Le(1)] = 0.1
    "Mean speech probability over the hangover below which speech has ended"
    onset_s: Annotated[float, Ge(0.02), Le(2)] = 0.2
    "Length of the onset span in seconds"
    hangover_s: Annotated[float, Ge(0.04), Le(5)] = 0.4
    "Length of the hangover in seconds: a pause of this length ends a segment"

    def __post_init__(self) -> None:
        if self.offset >= self.onset:
            raise ValueError(f"offset ({self.offset}) must lie below onset ({self.onset})")

    @property
    def onset_frames(self) -> int:
        return max(1, round(self.onset_s / FRAME_S))

    @property
    def hangover_frames(self) -> int:
        return max(2, round(self.hangover_s / FRAME_S))


class State(Enum):
    SILENCE = auto()
    SPEECH = auto()


@dataclass(frozen=True, slots=True)
class Opened:
    """Speech began at frame `start`; certain once frame `decided - 1` had been seen."""

    start: int
    decided: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The segment of frames [`start`, `end`) is over; certain once frame `decided - 1` had been seen."""

    start: int
    end: int
    decided: int


Edge = Opened | Closed


class Endpointer:
    """Turns speech probabilities, fed in blocks of any size, into the edges of speech segments."""

    def __init__(self, config: EndpointingConfig) -> None:
        self.state = State.SILENCE
        self.frame = 0
        self._onset_frames = config.onset_frames
        self._hangover_frames = config.hangover_frames
        self._onset_sum = int(np.ceil(config.onset * 255 * config.onset_frames))
        self._offset_sum = int(np.ceil(config.offset * 255 * config.hangover_frames))
        self._recent: NDArray[np.int64] = np.zeros(config.onset_frames + config.hangover_frames, np.int64)
        self._start = 0
        self._last_end = 0

    @property
    def segment_start(self) -> int | None:
        """The first frame of the open segment, or None in silence."""
        return self._start if self.state is State.SPEECH else None

    def feed(self, probabilities: NDArray[np.float32]) -> list[Edge]:
        """The edges that became certain, in order. `probabilities`: one per frame, in [0, 1]."""
        before = len(self._recent)
        levels = np.concatenate((self._recent, np.rint(probabilities * 255).astype(np.int64)))
        sums = np.concatenate(([0], np.cumsum(levels)))
        opens = sums[before + 1 :] - sums[before + 1 - self._onset_frames : -self._onset_frames] >= self._onset_sum
        closes = (
            sums[before + 1 :] - sums[before + 1 - self._hangover_frames : -self._hangover_frames] < self._offset_sum
        )
        edges: list[Edge] = []
        at = 0
        while True:
            if self.state is State.SPEECH:  # a hangover that reaches back over the start says nothing yet
                at = max(at, self._start + self._hangover_frames - self.frame - 1)
            elif self._last_end:  # nor does an onset span that reaches back over the last segment
                at = max(at, self._last_end + self._onset_frames - self.frame - 1)
            found = np.flatnonzero((opens if self.state is State.SILENCE else closes)[at:])
            if not len(found):
                break
            at += int(found[0]) + 1
            edges.append(self._turn(levels[at : before + at], self.frame + at))
        self._recent = levels[len(levels) - before :]
        self.frame += len(probabilities)
        return edges

    def flush(self) -> list[Edge]:
        """Close the open segment, if there is one, at the end of the stream."""
        return [self._turn(self._recent, self.frame)] if self.state is State.SPEECH else []

    def _turn(self, levels: NDArray[np.int64], decided: int) -> Edge:
        """Change state after frame `decided - 1`, whose level is the last of `levels`."""
        voiced = levels >= VOICED
        if self.state is State.SILENCE:
            self.state = State.SPEECH
            span = voiced[-self._onset_frames :]
            first = int(np.argmax(span)) if span.any() else len(span) - 1
            self._start = decided - len(span) + first
            return Opened(self._start, decided)
        self.state = State.SILENCE
        pairs = np.flatnonzero(voiced[1:] & voiced[:-1])
        back = len(voiced) - (int(pairs[-1]) + 2) if len(pairs) else self._hangover_frames
        self._last_end = max(decided - back, self._start + 1)
        return Closed(self._start, self._last_end, decided)
