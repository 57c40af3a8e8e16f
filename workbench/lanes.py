"""A recording that is being heard: its decoding runs ahead by one block, in a thread that all lanes share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from inference.model import EmbeddingModel, Models
from monitor.analysis import EmotionSpec
from monitor.turns import Turn
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench.asked import Asked, Item
from workbench.facts import Meter
from workbench.failures import failed
from workbench.hearing import FrameSink, Hearing
from workbench.media import MediaError, Recording
from workbench.results import Failure
from workbench.voices import Voices

log = logging.getLogger("undertone.workbench")
BLOCK_S = 3.0
Sinks = Callable[[str, int], FrameSink | None]
"""Where the embeddings of a recording's frames go, by its name and channel."""


@dataclass(frozen=True, slots=True)
class Underway:
    """A recording that is being heard: so much of it has been; `declared_s`: its length, None if its file has none."""

    name: str
    heard_s: float
    declared_s: float | None

    @property
    def share(self) -> float:
        """From 0 to 1; 0 where nothing is declared."""
        return min(1.0, self.heard_s / self.declared_s) if self.declared_s else 0.0


class Lane:
    """One recording, from opening it to its last block. `failure`: why it is given up."""

    def __init__(
        self, item: Item, asked: Asked, models: Models, model: EmbeddingModel, spec: EmotionSpec, sinks: Sinks | None
    ) -> None:
        self.name = item.name
        self.failure: Failure | None = None
        self.recording: Recording | None = None
        self.meter = Meter()
        self.hearings = [
            Hearing(
                model,
                spec.embedding_size,
                asked.endpointing,
                every_frame=asked.every_frame,
                turns=asked.embeddings and asked.granularity == "turn",
                sink=sinks(item.name, channel) if sinks is not None and asked.monitor.infers_emotion(role) else None,
            )
            for channel, role in enumerate(asked.roles)
        ]
        self.read = [asked.monitor.infers_emotion(role) for role in asked.roles]
        """Of each channel, whether its emotion is inferred."""
        self.turns: list[Turn] | None = None
        self._item = item
        self._asked = asked
        self._blocks: Iterator[Samples] | None = None
        self._coming: Future[Samples | None] | None = None
        wants_voices = asked.speakers and asked.mixes
        self._voices = Voices(models, asked.monitor, asked.endpointing, asked.tracking) if wants_voices else None

    @property
    def underway(self) -> Underway:
        declared_s = None if self.recording is None else self.recording.declared_s
        return Underway(self.name, self.meter.samples / SAMPLE_RATE_HZ, declared_s)

    def begin(self, readers: Executor) -> None:
        """Let the first block be decoded."""
        self._coming = readers.submit(self._next)

    def take(self, readers: Executor) -> Samples | None:
        """The next block, (channels, n), while the one behind it is decoded; None after the last, or once it failed."""
        assert self._coming is not None
        try:
            block = self._coming.result()
        except MediaError as error:
            self.give_up(failed(error.code, **error.values))
            return None
        except Exception:  # whatever a decoder does with what is no sound: the other recordings go on
            log.exception("%s cannot be decoded", self.name)
            self.give_up(failed("cannot_be_decoded"))
            return None
        if block is None:
            return None
        self._coming = readers.submit(self._next)
        if self.meter.samples + block.shape[1] > self._asked.longest_s * SAMPLE_RATE_HZ:
            self.give_up(failed("too_long", longest_s=self._asked.longest_s))
            return None
        self.meter.feed(block.mean(axis=0))
        if self._voices is not None:
            self._voices.feed(block[0])
        return block

    def give_up(self, failure: Failure) -> None:
        self.failure = self.failure or failure

    def finish(self) -> None:
        """After the last block: `hearings` may have pieces left."""
        for hearing in self.hearings:
            hearing.finish()
        if self._voices is not None and self.failure is None:
            self.turns = self._voices.finish()

    def close(self) -> None:
        """Once nothing is decoded any more."""
        if self._coming is not None and not self._coming.cancel():
            self._coming.exception()
        if self.recording is not None:
            self.recording.close()

    def _next(self) -> Samples | None:
        if self._blocks is None:
            self.recording = Recording(self._item.source, self.name)
            self._blocks = self.recording.blocks(len(self._asked.roles), BLOCK_S)
        return next(self._blocks, None)
