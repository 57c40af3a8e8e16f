"""How a recording of any length is cut into the windows that an emotion model hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.model import EmbeddingModel
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples

WINDOW_SAMPLES = 15 * SAMPLE_RATE_HZ
MARGIN_SAMPLES = 5 * SAMPLE_RATE_HZ // 2
"""At either end of a window of a long recording: what lies there is taken from the window beside, where it has more
around it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window that ends at sample `end`, of which the frames [`first`, `last`) of the recording are wanted. `voiced`:
    which of its frames are."""

    samples: Samples
    end: int
    first: int
    last: int
    voiced: NDArray[np.bool_]


class Cutter(Protocol):
    """Cuts one channel of a recording."""

    def feed(self, samples: Samples, voiced: NDArray[np.bool_]) -> list[Piece]:
        """The next samples, (n,), whole frames but for the last, and which frames are voiced: the windows that are full
        now."""
        ...

    def finish(self) -> list[Piece]:
        """The windows that are left."""
        ...


class CausalCutter:
    """For a model that remembers its stream: each window is what is new, behind one frame of what it has heard."""

    def __init__(self, longest_samples: int) -> None:
        self._longest = longest_samples - FRAME_SAMPLES
        self._before = np.zeros(0, np.float32)
        self._end = 0

    def feed(self, samples: Samples, voiced: NDArray[np.bool_]) -> list[Piece]:
        out = []
        samples = samples[: len(voiced) * FRAME_SAMPLES]
        for at in range(0, len(samples), self._longest):
            new = samples[at : at + self._longest]
            window = np.concatenate([self._before, new])
            heard = np.zeros(len(window) // FRAME_SAMPLES, np.bool_)
            own = voiced[at // FRAME_SAMPLES : (at + len(new)) // FRAME_SAMPLES]
            heard[len(heard) - len(own) :] = own
            first = self._end // FRAME_SAMPLES
            self._end += len(new)
            out.append(Piece(window, self._end, first, self._end // FRAME_SAMPLES, heard))
            self._before = window[len(window) - FRAME_SAMPLES :]
        return out

    def finish(self) -> list[Piece]:
        return []


class WholeCutter:
    """For a model that hears each window by itself: all in one up to `longest_samples`; what is longer in windows of
    15 s that overlap by 5."""

    def __init__(self, longest_samples: int) -> None:
        self._longest = longest_samples
        self._held = np.zeros(0, np.float32)
        self._voiced = np.zeros(0, np.bool_)
        self._start = 0
        """The sample with which what is held begins."""
        self._wanted = 0
        """The first frame that no window was asked for yet."""
        self._long = False

    def feed(self, samples: Samples, voiced: NDArray[np.bool_]) -> list[Piece]:
        self._held = np.concatenate([self._held, samples])
        self._voiced = np.concatenate([self._voiced, voiced])
        self._long = self._long or len(self._held) > self._longest
        out = []
        while self._long and len(self._held) > WINDOW_SAMPLES:
            out.append(self._cut(WINDOW_SAMPLES, MARGIN_SAMPLES))
            self._drop(WINDOW_SAMPLES - 2 * MARGIN_SAMPLES)
        return out

    def finish(self) -> list[Piece]:
        last = (self._start + len(self._held)) // FRAME_SAMPLES
        return [self._cut(len(self._held), 0)] if last > self._wanted else []

    def _cut(self, length: int, margin: int) -> Piece:
        """The window of what is held first, wanted up to a margin before its end."""
        end = self._start + length
        first, self._wanted = self._wanted, (end - margin) // FRAME_SAMPLES
        return Piece(self._held[:length], end, first, self._wanted, self._voiced[: length // FRAME_SAMPLES])

    def _drop(self, length: int) -> None:
        self._held, self._voiced = self._held[length:].copy(), self._voiced[length // FRAME_SAMPLES :].copy()
        self._start += length


def cutter_for(model: EmbeddingModel) -> Cutter:
    """A new cutter for one channel."""
    kind = WholeCutter if model.overlap_samples is None else CausalCutter
    return kind(model.longest_samples)
