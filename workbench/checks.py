"""What is said of embeddings, and the checks that find those that are of no use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import EmotionSpec
from workbench.results import EmbeddingFacts, Granularity
from workbench.sentences import Sentence, say

Rows = NDArray[np.float32]


class Checks:
    """Looks at embeddings as they come, (n, size) at a time: their statistics, and what is wrong with them."""

    def __init__(self) -> None:
        self.rows = 0
        self._values = 0
        self._sum = self._squares = self._norms = 0.0
        self._zero = self._not_finite = 0

    def feed(self, rows: Rows) -> None:
        finite = np.isfinite(rows).all(axis=1)
        good = rows[finite].astype(np.float64)
        norms = np.linalg.norm(good, axis=1)
        self.rows += len(rows)
        self._values += good.size
        self._sum += float(good.sum())
        self._squares += float(np.square(good).sum())
        self._norms += float(norms.sum())
        self._zero += int(np.count_nonzero(norms == 0))
        self._not_finite += len(rows) - len(good)

    def facts(self, granularity: Granularity, channel: int, size: int, spec: EmotionSpec) -> EmbeddingFacts:
        """What has been seen, of embeddings of `size` numbers."""
        mean = self._sum / max(1, self._values)
        norm = self._norms / max(1, self.rows - self._not_finite)
        usual = None if granularity == "frame" else spec.usual_norms  # of means over many frames, which are shorter
        remarks = self._remarks(size, norm, usual)
        return EmbeddingFacts(
            granularity=granularity,
            channel=channel,
            model=spec.name,
            shape=(self.rows, size),
            mean=round(mean, 6),
            std=round(max(0.0, self._squares / max(1, self._values) - mean**2) ** 0.5, 6),
            norm=round(norm, 4),
            usual_norms=usual,
            sound=all(remark.key in ("embeddings.fine", "embeddings.unchecked") for remark in remarks),
            remarks=remarks,
        )

    def _remarks(self, size: int, norm: float, usual: tuple[float, float] | None) -> list[Sentence]:
        if not self.rows:
            return [say("embeddings.none")]
        out = []
        if self._not_finite:
            out.append(say("embeddings.not_finite", number=self._not_finite, rows=self.rows))
        if self._zero:
            out.append(say("embeddings.zero", number=self._zero, rows=self.rows))
        if usual is not None and not usual[0] <= norm <= usual[1]:
            out.append(say("embeddings.unusual", norm=round(norm, 2), least=usual[0], most=usual[1]))
        key = "embeddings.unchecked" if usual is None else "embeddings.fine"
        return out or [say(key, rows=self.rows, size=size)]
