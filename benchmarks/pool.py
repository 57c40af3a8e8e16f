"""A pool of servers on paper: a simulation of one server's queues, and how many calls it holds within the promise.

A server is some front-ends (one core each: sockets, audio, events), each with its share of the calls, and some workers
(one core each, or a GPU) that take what waits for them as one batch whenever they are free. A call sends messages at a
steady pace, each of which costs its front-end the same. With each hop in which there is speech it asks its worker for
one turn of the models; the answer goes back through the front-end. Lag runs from the last message of the hop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.levels import PROMISE

JITTER_S = 0.02
WARM_S, MEASURED_S = 8.0, 20.0
CLOSE_ENOUGH = 1.01
"""A search ends where the number that broke the promise is less than this times the one that kept it."""
Times = NDArray[np.float64]
BatchCost = Callable[[int], float]
"""From the windows in a batch to the seconds that it takes."""


@dataclass(frozen=True, slots=True)
class Server:
    """`front_ms`: of one core, per second of call, at a front-end. `most_batch`: windows. `base_ms`: what lag there is
    besides queueing and computing. `speech`: share of the time in which somebody speaks. `busiest`: what share of the
    time front-ends and workers may be busy, the latter reckoned with their largest batch; beyond it real ones, which
    also open calls and collect garbage, have nothing left."""

    front_ms: float
    batch_s: BatchCost
    fronts: int = 1
    workers: int = 1
    most_batch: int = 64
    message_s: float = 0.1
    hop_s: float = 0.5
    speech: float = 0.67
    base_ms: float = 0.0
    busiest: float = 0.9


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of calls does to a server; `front_busy`, `workers_busy`: the share of the time that front-ends
    work, and that workers would if every batch were as large as can be."""

    calls: int
    lag_p95_ms: float
    front_busy: float
    workers_busy: float
    mean_batch: float

    @property
    def limit(self) -> str:
        """What is nearest to its end."""
        return "front-end" if self.front_busy >= self.workers_busy else "models"


def by_size(table: Sequence[tuple[float, float]], server_hop_s: float, speech: float) -> BatchCost:
    """Batches as a table of (windows per batch, ms per second of call) has them; between its sizes the time that a
    batch takes goes in straight lines, beyond the largest a window costs what it costs there."""
    ranked = sorted(table)
    sizes = [0.0, *(size for size, _ in ranked)]
    seconds = [0.0, *(size * ms / 1000 * server_hop_s / speech for size, ms in ranked)]
    last = seconds[-1] / sizes[-1]

    def cost(windows: int) -> float:
        return windows * last if windows >= sizes[-1] else float(np.interp(windows, sizes, seconds))

    return cost


def on_gpu(fixed_ms: float, window_ms: float) -> BatchCost:
    """Batches that take a fixed time and a time for each window."""
    return lambda windows: (fixed_ms + window_ms * windows) / 1000


def simulate(server: Server, calls: int, seed: int = 1) -> Load:
    """Some seconds of so many calls (at least one), begun at random."""
    dice = np.random.default_rng(seed)
    until_s = WARM_S + MEASURED_S
    per_call = round(until_s / server.message_s)
    numbers = np.arange(per_call)
    began_s = dice.uniform(0.0, server.hop_s, calls)
    sent_s = began_s[:, None] + numbers * server.message_s + dice.uniform(0.0, JITTER_S, (calls, per_call))
    turns = (numbers + 1) % max(1, round(server.hop_s / server.message_s)) == 0
    asks = turns & (dice.random((calls, per_call)) < server.speech)
    front = np.arange(calls) % server.fronts
    handled_s = np.empty_like(sent_s)
    queues: list[tuple[Times, Times]] = []
    for which in range(server.fronts):
        own = front == which
        order = np.argsort(sent_s[own], axis=None, kind="stable")
        arrived_s = sent_s[own].ravel()[order]
        done_s = served(arrived_s, server.front_ms / 1000 * server.message_s)
        queues.append((arrived_s, done_s))
        handled_s[own] = _put_back(done_s, order).reshape(-1, per_call)
    lags_ms: list[Times] = []
    batches = windows = 0
    worker = np.arange(calls) % server.workers
    for which in range(server.workers):
        of_worker = np.argwhere(asks & (worker == which)[:, None])
        places = (of_worker[:, 0], of_worker[:, 1])
        order = np.argsort(handled_s[places], kind="stable")
        ready_s, asked_s = handled_s[places][order], sent_s[places][order]
        answered_s, some = batched(ready_s, server.batch_s, server.most_batch)
        batches, windows = batches + some, windows + len(ready_s)
        waits_s = np.empty_like(answered_s)
        for at, (arrived_s, done_s) in enumerate(queues):
            mine = front[of_worker[order, 0]] == at
            last = np.searchsorted(arrived_s, answered_s[mine], side="right") - 1
            waits_s[mine] = np.maximum(0.0, done_s[np.maximum(last, 0)] - answered_s[mine])
        lag_ms = 1000 * (answered_s + waits_s - asked_s) + server.base_ms
        lags_ms.append(lag_ms[(asked_s >= WARM_S) & (asked_s < until_s)])
    every = np.concatenate(lags_ms)
    return Load(
        calls=calls,
        lag_p95_ms=float(np.percentile(every, 95, method="inverted_cdf")) if len(every) else 0.0,
        front_busy=calls * server.front_ms / 1000 / server.fronts,
        workers_busy=workers_busy(server, calls),
        mean_batch=windows / batches if batches else 0.0,
    )


def served(arrived_s: Times, each_s: float) -> Times:
    """When a queue with one server, first come first served, is done with what arrives in order; the same for each."""
    earlier_s = each_s * np.arange(len(arrived_s))
    return np.asarray(np.maximum.accumulate(arrived_s - earlier_s) + earlier_s + each_s)


def workers_busy(server: Server, calls: int) -> float:
    """The share of the time that workers are busy if every batch is as large as can be."""
    windows_per_s = calls * server.speech / server.hop_s / server.workers
    return windows_per_s * server.batch_s(server.most_batch) / server.most_batch


def batched(ready_s: Times, batch_s: BatchCost, most: int) -> tuple[Times, int]:
    """When a worker that takes all that waits, `most` at once, has answered what gets ready in order; and in how many
    batches."""
    answered_s = np.empty_like(ready_s)
    free_s = 0.0
    at = batches = 0
    while at < len(ready_s):
        begin_s = max(free_s, float(ready_s[at]))
        end = min(at + most, int(np.searchsorted(ready_s, begin_s, side="right")))
        free_s = begin_s + batch_s(end - at)
        answered_s[at:end] = free_s
        batches, at = batches + 1, end
    return answered_s, batches


def capacity(server: Server, promise_ms: float = PROMISE.p95_ms) -> Load:
    """The most calls at which p95 lag keeps the promise and nothing is too busy, within 1 %; `calls` 0 if not even one
    does."""
    best = Load(0, 0.0, 0.0, 0.0, 0.0)
    trial, broken = 8, 0
    while True:
        too_busy = max(trial * server.front_ms / 1000 / server.fronts, workers_busy(server, trial)) > server.busiest
        load = None if too_busy else simulate(server, trial)
        if load is not None and load.lag_p95_ms < promise_ms:
            best = load
        else:
            broken = trial
        if broken and (broken - best.calls <= 1 or broken < best.calls * CLOSE_ENOUGH):
            return best
        trial = (best.calls + broken) // 2 if broken else trial * 2


def _put_back(values: Times, order: NDArray[np.intp]) -> Times:
    """Values that are sorted by `order`, in the places from which they were taken."""
    out = np.empty_like(values)
    out[order] = values
    return out
