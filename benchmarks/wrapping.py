"""A model with something around it."""

from __future__ import annotations

from collections.abc import Sequence

from inference.model import Batch, Model
from monitor.analysis import Analysis, EmotionSpec, Role, SpeakerSpec


class WrappedModel:
    """Declares and answers what `inner` does; a subclass adds to `analyse`."""

    def __init__(self, inner: Model) -> None:
        self.inner = inner

    @property
    def role(self) -> Role:
        return self.inner.role

    @property
    def spec(self) -> EmotionSpec | SpeakerSpec:
        return self.inner.spec

    @property
    def max_batch(self) -> int:
        return self.inner.max_batch

    def analyse(self, windows: Batch) -> Sequence[Analysis]:
        return self.inner.analyse(windows)
