"""The models that the workbench is tested with: those that ship, and a tiny emotion2vec+ in the published layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.layouts import write_emotion
from inference.loading import load, named
from inference.model import EmbeddingModel, EmotionFeatures, Models
from inference.reuse import Shortcuts
from monitor.analysis import EmotionSpec, Role, Window


def embedded() -> Models:
    return load("undertone-emotion-small", "undertone-speaker-small", "cpu", speech=True)


def published(folder: Path) -> Models:
    return {
        Role.EMOTION: named(str(write_emotion(folder / "emotion2vec")), Role.EMOTION, "cpu", Shortcuts()),
        **load("none", "none", "cpu", speech=True),
    }


class Meddled:
    """An emotion model of which something may be done to the windows of a batch before it hears them, and after."""

    def __init__(self, inner: EmbeddingModel, before: Callable[[Sequence[Window]], None], spoil: bool = False) -> None:
        assert isinstance(inner.spec, EmotionSpec)
        self.role, self.spec, self.max_batch = inner.role, inner.spec, inner.max_batch
        self.overlap_samples, self.longest_samples = inner.overlap_samples, inner.longest_samples
        self.analyse = inner.analyse
        self._inner, self._before, self._spoil = inner, before, spoil

    def embed(self, windows: Sequence[Window]) -> Sequence[EmotionFeatures]:
        self._before(windows)
        found = self._inner.embed(windows)
        if self._spoil:
            for each in found:
                each.analysis.logits[...] = np.nan
        return found
