"""Windows of speech to unit embeddings, and what a model's answers are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.batcher import checked
from inference.model import Model
from monitor.analysis import Analysis, Role, SpeakerAnalysis, Stream, Window
from monitor.gallery import unit
from vad.grid import FRAME_SAMPLES, FRAMES_PER_SECOND
from vad.pcm import Samples

HOP_FRAMES = FRAMES_PER_SECOND // 2


def embed(stretches: Sequence[Samples], model: Model) -> NDArray[np.float64]:
    """Unit embeddings (stretches, size). One that is longer than the model's window is the mean of the unit embeddings
    of windows that end every 0.5 s. Raises ValueError if the model fails on a window."""
    size = model.spec.window_samples
    windows: list[Window] = []
    owner: list[int] = []
    for number, samples in enumerate(stretches):
        stream = Stream()
        for end in range(min(size, len(samples)), len(samples) + 1, HOP_FRAMES * FRAME_SAMPLES):
            windows.append(Window(len(windows), Role.SPEAKER, 0, end, samples[max(0, end - size) : end], stream))
            owner.append(number)
    rows = embed_windows(windows, model)
    sums = np.zeros((len(stretches), rows.shape[1]))
    np.add.at(sums, owner, rows)
    return unit(sums)


def embed_windows(windows: Sequence[Window], model: Model) -> NDArray[np.float64]:
    """Unit embeddings (windows, size); those of one stream in order. Raises ValueError if the model fails on one."""
    rows: list[NDArray[np.float64]] = []
    for at in range(0, len(windows), model.max_batch):
        rows += [_embedding(analysis, model) for analysis in model.analyse(windows[at : at + model.max_batch])]
    return np.array(rows) if rows else np.zeros((0, 0))


def _embedding(analysis: Analysis, model: Model) -> NDArray[np.float64]:
    found = checked(analysis, model.spec)
    if not isinstance(found, SpeakerAnalysis):
        raise ValueError(f"{model.spec.name} failed on a window")
    return unit(found.embedding)
