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

from vad.grid import FRAME_S

Backend = Literal["webrtcvad", "silero", "cascade"]
VOICED = 128
"""A frame counts as voiced from this many 255ths on."""
FORGET_FROM = 512
"""How many levels are kept before the old ones are dropped at once."""


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
        self._recent = bytearray(config.onset_frames + config.hangover_frames)
        """The newest levels, and at most `FORGET_FROM` in all."""
        self._onset_level = 0
        self._offset_level = 0
        self._start = 0
        self._opens_from = 0

    @property
    def segment_start(self) -> int | None:
        """The first frame of the open segment, or None in silence."""
        return self._start if self.state is State.SPEECH else None

    def feed(self, levels: bytes) -> list[Edge]:
        """The edges that became certain, in order. `levels`: speech probability per frame, in 255ths."""
        edges: list[Edge] = []
        recent = self._recent
        onset_back, offset_back = -1 - self._onset_frames, -1 - self._hangover_frames
        onset_level, offset_level = self._onset_level, self._offset_level
        for level in levels:
            recent.append(level)
            self.frame += 1
            onset_level += level - recent[onset_back]
            offset_level += level - recent[offset_back]
            if self.state is State.SILENCE:  # an onset span that reaches back over the last segment says nothing
                if onset_level >= self._onset_sum and self.frame >= self._opens_from:
                    edges.append(self._turn())
            elif offset_level < self._offset_sum and self.frame >= self._start + self._hangover_frames:
                edges.append(self._turn())
        self._onset_level, self._offset_level = onset_level, offset_level
        if len(recent) > FORGET_FROM:
            del recent[: -self._onset_frames - self._hangover_frames]
        return edges

    def flush(self) -> list[Edge]:
        """Close the open segment, if there is one, at the end of the stream."""
        return [self._turn()] if self.state is State.SPEECH else []

    def _turn(self) -> Edge:
        """Change state after frame `frame - 1`, whose level is the last of the recent ones."""
        levels = np.frombuffer(bytes(self._recent[-self._onset_frames - self._hangover_frames :]), np.uint8)
        voiced, decided = levels >= VOICED, self.frame
        if self.state is State.SILENCE:
            self.state = State.SPEECH
            span = voiced[-self._onset_frames :]
            first = int(np.argmax(span)) if span.any() else len(span) - 1
            self._start = decided - len(span) + first
            return Opened(self._start, decided)
        self.state = State.SILENCE
        pairs = np.flatnonzero(voiced[1:] & voiced[:-1])
        back = len(voiced) - (int(pairs[-1]) + 2) if len(pairs) else self._hangover_frames
        end = max(decided - back, self._start + 1)
        self._opens_from = end + self._onset_frames
        return Closed(self._start, end, decided)
