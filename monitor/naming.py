"""What the speakers of a call are called, as far as their voices are known."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from monitor.gallery import Gallery
from monitor.voices import lengthened
from vad.cuts import SpeechCut
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ

MORE, MOST_MORE = 2.0, 20.0
"""Asked again once so many times as much was heard, and at the latest after so many full windows' worth more."""
MEMORY = 20.0
"""Full windows' worth of speech that count of a channel: 30 s with windows of 1.5 s."""


class ChannelVoice:
    """The voice on a channel that one party has to itself, as it was heard lately: older windows fade, so that whoever
    takes the channel over is found out. `total`: the sum of embeddings, shape (size,); `windows`: full windows' worth
    in it, MEMORY at most; `heard`: the same of all that was said."""

    def __init__(self, spec: SpeakerSpec) -> None:
        self.total = np.zeros(spec.embedding_size)
        self.windows = 0.0
        self.heard = 0.0
        self._window_frames = spec.window_samples // FRAME_SAMPLES
        self._last_end = 0

    def hear(self, cut: SpeechCut, embedding: NDArray[np.float32]) -> None:
        """The next window. `embedding` may have any length; an all-zero one says nothing and is ignored."""
        norm = math.sqrt(embedding.dot(embedding))
        if norm == 0.0:
            return
        fresh = (cut.end - max(cut.start, self._last_end)) / self._window_frames
        self._last_end = cut.end
        faded = math.exp(-fresh / MEMORY)
        length = lengthened((cut.end - cut.start) / self._window_frames)
        self.total = faded * self.total + embedding * (fresh * length / norm)
        self.windows = faded * self.windows + fresh
        self.heard += fresh


class Naming:
    """Asks a gallery about a speaker once enough was heard, again with every doubling of it and at the latest after
    MOST_MORE, and anew once the gallery is another one. A name that no longer fits is taken back. Without a gallery
    nobody is named."""

    def __init__(self, gallery: Gallery | None) -> None:
        self._gallery = gallery
        self._names: dict[str, str] = {}
        self._next: dict[str, float] = {}
        """How many full windows' worth must have been heard of a speaker before they are asked about again."""

    def use(self, gallery: Gallery | None) -> None:
        """From now on. Everyone is asked about again as soon as they are heard; who is known no more has no name."""
        self._gallery = gallery
        self._next.clear()

    def name(self, speaker: str) -> str | None:
        name = self._names.get(speaker)
        return name if self._gallery is not None and name in self._gallery.names else None

    def merge(self, speaker: str, into: str) -> None:
        """Two were one, of whom now more is known."""
        self._names.pop(speaker, None)
        self._next.pop(speaker, None)
        self._next.pop(into, None)

    def hear(self, speaker: str, total: NDArray[np.float64], windows: float, heard: float | None = None) -> bool:
        """`total`: the sum of a speaker's embeddings, shape (size,); `windows`: full windows' worth in it; `heard`: of
        all that was said, where that is more. Whether they go by another name now."""
        heard = windows if heard is None else heard
        gallery, before = self._gallery, self._names.get(speaker)
        if gallery is None:
            return self._names.pop(speaker, None) is not None
        least = gallery.config.listen_s * SAMPLE_RATE_HZ / gallery.spec.window_samples
        if heard < self._next.get(speaker, least):
            return False
        self._next[speaker] = min(MORE * heard, heard + MOST_MORE)
        found = gallery.identify(total, windows, before)
        if found is None:
            self._names.pop(speaker, None)
        else:
            self._names[speaker] = found.name
        return self._names.get(speaker) != before
