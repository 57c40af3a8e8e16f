"""Embeddings in known groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.gallery import unit
from workbench.library import Item, Kind, Shelf

SIZE = 24


def shelf(groups: int, each: int, spread: float = 0.3, seed: int = 0, about: Any = lambda group, rng: {}) -> Shelf:
    """`each` recordings `gN-M.wav` of each of `groups` kinds; the noise is `spread` times as long as what they
    share."""
    rng = np.random.default_rng(seed)
    middles = unit(np.random.default_rng(1).standard_normal((groups, SIZE)))
    items, rows = [], []
    for group in range(groups):
        for number in range(each):
            items.append(Item(f"g{group}-{number}.wav", about=about(group, rng)))
            rows.append(middles[group] + spread * rng.standard_normal(SIZE) / np.sqrt(SIZE))
    return Shelf(Kind.EMOTION, "model", items, np.array(rows, np.float32))
