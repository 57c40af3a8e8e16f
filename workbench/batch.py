"""Many recordings in one run: kept as they are done, told how long it will take, taken up where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from inference.model import Models
from workbench.asked import Asked, Item
from workbench.lanes import Underway
from workbench.prediction import predict
from workbench.results import Prediction
from workbench.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `skipped` were done before; `audio_s`: seconds of recordings, analysed in `taken_s`. Of those
    that are being heard: `heard_s`, seconds so far; `under_way`, of each the share that has been heard, added up (one
    that does not declare its length counts nothing until it is over)."""

    total: int
    skipped: int = 0
    done: int = 0
    failed: int = 0
    audio_s: float = 0.0
    taken_s: float = 0.0
    heard_s: float = 0.0
    under_way: float = 0.0

    @property
    def left(self) -> int:
        """Recordings that are not over."""
        return self.total - self.skipped - self.done - self.failed

    @property
    def share(self) -> float:
        """Of the whole run, from 0 to 1."""
        return (self.total - self.left + self.under_way) / self.total if self.total else 1.0

    @property
    def remaining_s(self) -> float | None:
        """At the pace so far; None before there is one."""
        passed = self.done + self.failed + self.under_way
        return self.taken_s / passed * (self.left - self.under_way) if passed else None


Tell = Callable[[Progress], None]


def start(items: Sequence[Item], folder: RunFolder | None) -> Progress:
    """How far a run is before it begins."""
    each = _by_name(items).values()
    return Progress(len(each), 0 if folder is None else sum(map(folder.is_done, each)))


def run(
    items: Sequence[Item],
    models: Models,
    asked: Asked,
    folder: RunFolder | None = None,
    clock: Callable[[], float] = time.monotonic,
    tell: Tell | None = None,
) -> Iterator[tuple[Prediction, Progress]]:
    """The lines of result as they become known, each with how far the run is then. What `folder` has already is not
    done again; without one nothing is kept. `tell` is called after every 3 s of the recordings that are heard side by
    side, and what it raises ends the run. Raises CheckpointError, and OSError if the folder cannot be written to."""
    by_name = _by_name(items)
    course = _Course(start(items, folder), clock, tell)
    sinks = folder.sink if folder is not None and asked.frame_embeddings else None
    left = list(by_name.values()) if folder is None else folder.left(by_name.values())
    for outcome in predict(left, models, asked, sinks, course.heard):
        prediction = outcome.prediction
        if folder is not None:
            prediction = folder.keep(by_name[prediction.file], outcome)
        yield prediction, course.over(prediction)


class _Course:
    """Keeps count of a run."""

    def __init__(self, at: Progress, clock: Callable[[], float], tell: Tell | None) -> None:
        self._at = at
        self._clock = clock
        self._began_s = clock()
        self._tell = tell
        self._under_way: dict[str, Underway] = {}

    def heard(self, recordings: Sequence[Underway]) -> None:
        self._under_way = {each.name: each for each in recordings}
        if self._tell is not None:
            self._tell(self._now())

    def over(self, prediction: Prediction) -> Progress:
        self._under_way.pop(prediction.file, None)
        good = prediction.status == "done"
        audio_s = prediction.facts.duration_s if prediction.facts is not None else 0.0
        self._at = replace(
            self._at,
            done=self._at.done + good,
            failed=self._at.failed + (not good),
            audio_s=self._at.audio_s + audio_s,
        )
        return self._now()

    def _now(self) -> Progress:
        under_way = self._under_way.values()
        return replace(
            self._at,
            taken_s=self._clock() - self._began_s,
            heard_s=sum(each.heard_s for each in under_way),
            under_way=sum(each.share for each in under_way),
        )


def _by_name(items: Sequence[Item]) -> dict[str, Item]:
    return {item.name: item for item in items}
