"""The audio of a channel that is still needed, addressed by absolute sample index."""

from __future__ import annotations

import numpy as np

from vad.pcm import Samples

SLACK_SAMPLES = 16_000
"""How much is taken in before what is kept moves to new memory, at least."""


class AudioHistory:
    """Samples [start, end) of a stream. What is no longer needed is dropped after `discard_before`, so the size is
    bounded by the distance between what came in last and what is still to be judged.

    What was written is never written over: views stay as they are, for as long as anyone holds them.
    """

    def __init__(self) -> None:
        self._buffer: Samples = np.empty(0, np.float32)
        self._used = 0
        self._needed_from = 0
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + self._used

    def append(self, samples: Samples) -> None:
        count = len(samples)
        if self._used + count > len(self._buffer):
            self._move(count)
        self._buffer[self._used : self._used + count] = samples
        self._used += count

    def view(self, start: int, end: int) -> Samples:
        """Samples [start, end), not copied; not to be written to."""
        if not self._needed_from <= start <= end <= self.end:
            raise IndexError(f"samples [{start}, {end}) are not in [{self._needed_from}, {self.end})")
        return self._buffer[start - self.start : end - self.start]

    def discard_before(self, index: int) -> None:
        """Drop what lies before `index`; its memory is let go of with one of the next `append`s."""
        self._needed_from = max(self._needed_from, min(index, self.end))

    def _move(self, count: int) -> None:
        """Go on in new memory with what is still needed and room for `count` more at least. If much is needed, because
        whoever judges is late, the old memory is still looked at: then seldom."""
        kept = self._buffer[self._needed_from - self.start : self._used]
        self._buffer = np.empty(len(kept) + max(count, SLACK_SAMPLES, len(kept) // 8), np.float32)
        self._buffer[: len(kept)] = kept
        self._used, self.start = len(kept), self._needed_from


def lookback(history: AudioHistory, end: int, length: int) -> Samples:
    """The `length` samples before `end`, not to be written to; what lies before the start of the stream is mirrored
    there.

    Raises IndexError if the samples were discarded already or the stream has none before `end`.
    """
    start = max(0, end - length)
    samples = history.view(start, end)
    if len(samples) == length:
        return samples
    if len(samples) == 0:
        raise IndexError("there is no audio to look back on")
    return np.pad(samples, (length - len(samples), 0), mode="symmetric")
