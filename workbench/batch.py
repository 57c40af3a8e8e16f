"""Many recordings in one run: kept as they are done, told how long it will take, taken up where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inference.model import Models
from workbench.asked import Asked, Item
from workbench.prediction import predict
from workbench.results import Prediction
from workbench.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `skipped` were done before; `audio_s`: seconds of recordings, analysed in `taken_s`."""

    total: int
    skipped: int = 0
    done: int = 0
    failed: int = 0
    audio_s: float = 0.0
    taken_s: float = 0.0

    @property
    def left(self) -> int:
        return self.total - self.skipped - self.done - self.failed

    @property
    def remaining_s(self) -> float | None:
        """At the pace so far; None before there is one."""
        passed = self.done + self.failed
        return self.taken_s / passed * self.left if passed else None


def start(items: Sequence[Item], folder: RunFolder | None) -> Progress:
    """How far a run is before it begins."""
    total = len({item.name for item in items})
    return Progress(total, total - len(_left(items, folder)))


def run(
    items: Sequence[Item],
    models: Models,
    asked: Asked,
    folder: RunFolder | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Prediction, Progress]]:
    """The lines of result as they become known, each with how far the run is then. What `folder` has already is not
    done again; without one nothing is kept. Raises CheckpointError, and OSError if the folder cannot be written to."""
    by_name = {item.name: item for item in items}
    todo = _left(items, folder)
    began_s = clock()
    at = start(items, folder)
    sinks = folder.sink if folder is not None and asked.frame_embeddings else None
    for outcome in predict(todo, models, asked, sinks):
        prediction = outcome.prediction
        if folder is not None:
            prediction = folder.keep(by_name[prediction.file], outcome)
        good = prediction.status == "done"
        at = Progress(
            at.total,
            at.skipped,
            at.done + good,
            at.failed + (not good),
            at.audio_s + (prediction.facts.duration_s if prediction.facts is not None else 0.0),
            clock() - began_s,
        )
        yield prediction, at


def _left(items: Sequence[Item], folder: RunFolder | None) -> list[Item]:
    """What is not done yet, each once."""
    by_name = {item.name: item for item in items}
    return [item for item in by_name.values() if folder is None or not folder.is_done(item)]
