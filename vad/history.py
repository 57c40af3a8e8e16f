"""The audio of a channel that is still needed, addressed by absolute sample index."""

from __future__ import annotations

import numpy as np

from vad.pcm import Samples


class AudioHistory:
    """Samples [start, end) of a stream. What is no longer needed is dropped by `discard_before`, so the size is
    bounded by the distance between what came in last and what is still to be judged."""

    def __init__(self) -> None:
        self._buffer: Samples = np.zeros(32_768, np.float32)
        self._used = 0
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + self._used

    def append(self, samples: Samples) -> None:
        needed = self._used + len(samples)
        if needed > len(self._buffer):
            grown = np.zeros(max(needed, 2 * len(self._buffer)), np.float32)
            grown[: self._used] = self._buffer[: self._used]
            self._buffer = grown
        self._buffer[self._used : needed] = samples
        self._used = needed

    def view(self, start: int, end: int) -> Samples:
        """Samples [start, end), not copied; valid until the next `append` or `discard_before`."""
        if not self.start <= start <= end <= self.end:
            raise IndexError(f"samples [{start}, {end}) are not in [{self.start}, {self.end})")
        return self._buffer[start - self.start : end - self.start]

    def discard_before(self, index: int) -> None:
        """Drop what lies before `index`. Moves memory only when half of the buffer is gone."""
        gone = min(index, self.end) - self.start
        if gone * 2 < len(self._buffer):
            return
        kept = self._used - gone
        self._buffer[:kept] = self._buffer[gone : self._used].copy()
        self._used = kept
        self.start += gone
        if len(self._buffer) > 65_536 and kept * 8 < len(self._buffer):
            self._buffer = self._buffer[: max(32_768, kept * 2)].copy()


def lookback(history: AudioHistory, end: int, length: int) -> Samples:
    """The `length` samples before `end`, copied; what lies before the start of the stream is mirrored there.

    Raises IndexError if the samples were discarded already or the stream has none before `end`.
    """
    start = max(0, end - length)
    samples = history.view(start, end)
    if len(samples) == length:
        return samples.copy()
    if len(samples) == 0:
        raise IndexError("there is no audio to look back on")
    return np.pad(samples, (length - len(samples), 0), mode="symmetric")
