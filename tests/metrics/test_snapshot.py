"""A snapshot says what was, whatever happens while it is written out."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from metrics.snapshot import Snapshot


def test_what_is_counted_after_a_snapshot_is_not_in_it() -> None:
    registry = CollectorRegistry()
    events = Counter("undertone_events_total", "Events by type", ("type",), registry=registry)
    events.labels("emotion").inc(3)
    snapshot = Snapshot(registry)
    events.labels("emotion").inc()
    events.labels("warning").inc()
    text = generate_latest(snapshot).decode()
    assert 'undertone_events_total{type="emotion"} 3.0' in text
    assert "warning" not in text
    assert 'undertone_events_total{type="emotion"} 4.0' in generate_latest(registry).decode()
