"""The thread that keeps a model busy."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import numpy as np

from inference.costs import BUDGET_S, Costs, measure
from inference.model import Model, ModelGoneError, warm_up
from inference.queueing import Ticket, WindowQueue
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Missing,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Spec,
    SpeechAnalysis,
    SpeechSpec,
    Window,
)
from monitor.labels import LABELS
from vad.grid import FRAME_SAMPLES
from vad.listener import BLOCK_FRAMES, RUN_BLOCKS

log = logging.getLogger("undertone.inference")

Answer = tuple[Ticket, Analysis]
Deliver = Callable[[list[Answer]], None]
CAPACITY = 8192
GONE_EVERY_S = 10.0
"""So often at most it is logged that a model cannot be asked."""


class BatchObserver(Protocol):
    """Whoever wants to know what the batcher does; called from its thread, once or twice a batch."""

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        """`waited_s`: how long the window had waited that had waited longest."""
        ...

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        """`number` windows were analysed, skipped or failed."""
        ...


class Unobserved:
    """A BatchObserver that looks away."""

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        pass

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        pass


class Batcher:
    """Continuous batching for one model: as soon as it is free it takes what waits, up to its largest batch, or to what
    `warm_up` found to keep to BUDGET_S.

    With `gather_s`, batches begin at least that far apart: for a model that is quick but dear in small batches. A lone
    call does not notice, its windows come further apart.

    `deliver` gets the answers of a batch at once, from the batcher's thread (for a window that has to make room: from
    that of whoever submits). Every ticket is answered exactly once unless its owner was dropped. A window that fails
    is answered with `Missing.FAILED`, its neighbours normally; all of a batch, where the model cannot be asked at all.
    """

    def __init__(
        self,
        model: Model,
        deliver: Deliver,
        *,
        observer: BatchObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        capacity: int = CAPACITY,
        gather_s: float = 0.0,
    ) -> None:
        self.role = model.role
        self._model = model
        self._deliver = deliver
        self._observer: BatchObserver = observer or Unobserved()
        self._clock = clock
        self._gather_s = gather_s
        self._most = model.max_batch
        self._queue = WindowQueue(capacity)
        self._changed = threading.Condition()
        self._running = True
        self._gone_said_at = -math.inf
        self._thread = threading.Thread(target=self._work, name=f"undertone-{model.role}", daemon=True)

    def warm_up(self) -> Costs:
        """Measure what batches cost, before `start`; so the first call does not pay for what only the first does."""
        costs = Costs()
        if self.role is not Role.SPEECH:  # whose batches are cheap, whatever their size
            costs = measure(self._model)
            self._most = costs.largest(BUDGET_S, self._model.max_batch)
        for size in {1, self._most}:
            warm_up(self._model, size)
        return costs

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing after the batch at hand; what still waits is never answered."""
        with self._changed:
            self._running = False
            self._changed.notify()

    def close(self) -> None:
        """Stop, and wait for the batch at hand."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, owner: Hashable, window: Window, patience_s: float | None) -> None:
        """Queue a window. Raises ValueError if it is not what the model takes: that is a mistake of ours."""
        self.check(window)
        self.submit_all([(owner, window, patience_s)])

    def submit_all(self, windows: Sequence[tuple[Hashable, Window, float | None]]) -> None:
        """Queue windows that were `check`ed, each with its owner and its patience, so that they are seen at once."""
        displaced: list[Ticket] = []
        now_s = self._clock()
        with self._changed:
            for owner, window, patience_s in windows:
                gone = self._queue.put(Ticket(owner, window, now_s, patience_s))
                if gone is not None:
                    displaced.append(gone)
            self._changed.notify()
        if displaced:
            self._answer([(ticket, Missing.SKIPPED) for ticket in displaced])

    def check(self, window: Window) -> None:
        """Raises ValueError if a window is not what the model takes."""
        most, samples = self._model.spec.window_samples, window.samples
        least = 1 if self.role is Role.SPEAKER else most
        if self.role is Role.SPEECH:
            most += RUN_BLOCKS * BLOCK_FRAMES * FRAME_SAMPLES
        if samples.ndim != 1 or not least <= len(samples) <= most or samples.dtype != np.float32:
            lengths = f"{least} to {most}" if least < most else f"{most}"
            raise ValueError(
                f"a {self.role} window must be {lengths} float32 samples, not {samples.dtype} {samples.shape}"
            )

    def drop(self, owner: Hashable) -> None:
        """Forget the windows of an owner that has gone; an answer that is under way may still come."""
        with self._changed:
            dropped = self._queue.drop(owner)
        if dropped:
            self._observer.windows_done(self.role, Missing.SKIPPED.value, len(dropped))

    @property
    def waiting_s(self) -> float:
        """How long the window has waited that waits longest."""
        with self._changed:
            oldest_s = self._queue.oldest_s()
        return 0.0 if oldest_s is None else self._clock() - oldest_s

    @property
    def waiting(self) -> int:
        """How many windows wait now."""
        return len(self._queue)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._running or len(self._queue) > 0)
                if not self._running:
                    return
                began_s = self._clock()
                batch, skipped = self._queue.take(self._most, began_s)
            if skipped:
                self._answer([(ticket, Missing.SKIPPED) for ticket in skipped])
            if batch:
                answers = self._run(batch)
                waited_s = began_s - min(ticket.arrived_s for ticket in batch)
                took_s = self._clock() - began_s
                self._observer.batch_done(self.role, len(batch), waited_s, took_s)
                self._answer(answers)
                time.sleep(max(0.0, self._gather_s - took_s))

    def _run(self, batch: list[Ticket]) -> list[Answer]:
        """Analyse a batch; if it fails, halve it until only the windows that fail are left out."""
        try:
            analyses = self._model.analyse([ticket.window for ticket in batch])
            if len(analyses) != len(batch):
                raise ValueError(f"{len(analyses)} analyses for {len(batch)} windows")
            spec = self._model.spec
            return [(ticket, checked(analysis, spec)) for ticket, analysis in zip(batch, analyses, strict=True)]
        except ModelGoneError as error:
            if self._clock() - self._gone_said_at > GONE_EVERY_S:
                self._gone_said_at = self._clock()
                log.warning("windows of the %s model fail: %s", self._model.role, error)
            return [(ticket, Missing.FAILED) for ticket in batch]
        except Exception:
            if len(batch) == 1:
                log.exception("the %s model failed on a window", self._model.role)
                return [(batch[0], Missing.FAILED)]
            half = len(batch) // 2
            return self._run(batch[:half]) + self._run(batch[half:])

    def _answer(self, answers: list[Answer]) -> None:
        outcomes = Counter(analysis if isinstance(analysis, Missing) else None for _, analysis in answers)
        for missing, number in outcomes.items():
            self._observer.windows_done(self.role, "analysed" if missing is None else missing.value, number)
        try:
            self._deliver(answers)
        except Exception:  # whoever waits for these has gone; the others still need this thread
            log.exception("answers of the %s model could not be delivered", self._model.role)


def checked(analysis: Analysis, spec: Spec) -> Analysis:
    """The analysis, or FAILED if it has not the shape that `spec` promises or holds what is not a finite number."""
    match analysis, spec:
        case EmotionAnalysis(logits, arousal), EmotionSpec():
            most = spec.window_samples // FRAME_SAMPLES
            frames = _shape(arousal)
            fits = len(frames) == 1 and 0 <= analysis.first <= most - frames[0]
            whole = fits and _shape(logits) == (*frames, len(LABELS))
            good = whole and bool(np.isfinite(logits).all() and np.isfinite(arousal).all())
        case SpeakerAnalysis(embedding), SpeakerSpec():
            good = _shape(embedding) == (spec.embedding_size,) and bool(np.isfinite(embedding).all())
        case SpeechAnalysis(levels), SpeechSpec():
            most = spec.window_samples // FRAME_SAMPLES + RUN_BLOCKS * BLOCK_FRAMES
            good = isinstance(levels, bytes) and 0 < len(levels) <= most
        case Missing(), _:
            good = True
        case _:
            good = False
    return analysis if good else Missing.FAILED


def _shape(array: object) -> tuple[int, ...]:
    """The shape of an array; empty for what is none."""
    return array.shape if isinstance(array, np.ndarray) else ()
