"""The server's own counters between two moments."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from benchmarks.exposition import HOP_FACTOR, parse, work
from metrics.instruments import Instruments
from monitor.analysis import Role


def test_what_prometheus_writes_is_read_back() -> None:
    registry = CollectorRegistry()
    counter = Counter("things", "of a kind", ("name", "kind"), registry=registry)
    counter.labels('a "b", {c}', "x").inc(2.5)
    Counter("alone", "without labels", registry=registry).inc()
    samples = parse(generate_latest(registry).decode())
    assert samples["things_total", frozenset({("name", 'a \\"b\\", {c}'), ("kind", "x")})] == 2.5
    assert samples["alone_total", frozenset()] == 1.0


def test_windows_and_batches_are_those_between_the_two_moments() -> None:
    instruments = Instruments(CollectorRegistry(), "1")

    def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return parse(generate_latest(instruments.registry).decode())

    instruments.batch_done(Role.EMOTION, 100, 0.0, 0.1)
    instruments.windows_done(Role.EMOTION, "analysed", 1)
    before = samples()
    for size in (2, 5):
        instruments.batch_done(Role.EMOTION, size, 0.0, 0.1)
    instruments.windows_done(Role.EMOTION, "analysed", 1)
    instruments.windows_done(Role.SPEAKER, "analysed", 1)
    instruments.windows_done(Role.SPEAKER, "skipped", 1)
    done = work(before, samples())
    assert done.windows == {"analysed": 2, "skipped": 1}
    assert done.batch == {"emotion": 3.5}


def test_a_hop_that_was_wider_at_either_end_is_told() -> None:
    narrow, wide = {HOP_FACTOR: 1.0}, {HOP_FACTOR: 2.0}
    assert [work(*ends).hop_factor for ends in ((narrow, wide), (wide, narrow), (narrow, narrow), ({}, {}))] == [
        2,
        2,
        1,
        1,
    ]
