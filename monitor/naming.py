"""What the speakers of a call are called, as far as their voices are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.gallery import Gallery
from vad.grid import SAMPLE_RATE_HZ

MORE = 2.0
"""Asked again once so many times as much was heard."""


class Naming:
    """Asks a gallery about a speaker once enough was heard, again with every doubling of it, and anew once the gallery
    is another one. A name that no longer fits is taken back. Without a gallery nobody is named."""

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

    def hear(self, speaker: str, total: NDArray[np.float64], windows: float) -> bool:
        """`total`: the sum of a speaker's embeddings, shape (size,); `windows`: full windows' worth. Whether they go by
        another name now."""
        gallery, before = self._gallery, self._names.get(speaker)
        if gallery is None:
            return self._names.pop(speaker, None) is not None
        least = gallery.config.listen_s * SAMPLE_RATE_HZ / gallery.spec.window_samples
        if windows < self._next.get(speaker, least):
            return False
        self._next[speaker] = MORE * windows
        found = gallery.identify(total, windows, before)
        if found is None:
            self._names.pop(speaker, None)
        else:
            self._names[speaker] = found.name
        return self._names.get(speaker) != before
