"""Every instrument, with its name, unit and labels. No label is per call; roles beyond the usual ones are `other`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.analysis import Role
from monitor.labels import LABELS

ROLES = ("customer", "agent", "mixed", "left", "right")
LAG_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 1.0, 2.0, 5.0)
STAGE_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
Reading = tuple[str, dict[str, float]]
"""The role of a channel of a live call, and its current scores."""


def role_label(role: str) -> str:
    """A role as a label value that cannot grow without bound."""
    return role if role in ROLES else "other"


class RollingEmotion(Collector):
    """The mean of the rolling scores over live channels, by label and role, computed when it is asked for."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        sums: dict[str, list[float]] = {}
        counts: dict[str, int] = {}
        for role, scores in self._readings():
            total = sums.setdefault(role_label(role), [0.0] * len(LABELS))
            counts[role_label(role)] = counts.get(role_label(role), 0) + 1
            for at, label in enumerate(LABELS):
                total[at] += scores[label]
        mean = GaugeMetricFamily(
            "undertone_emotion_score_ratio",
            "Mean rolling emotion score over the live channels that have a usable one",
            labels=("label", "role"),
        )
        for role, total in sums.items():
            for label, value in zip(LABELS, total, strict=True):
                mean.add_metric((label, role), value / counts[role])
        yield mean


class Instruments:
    """All instruments, registered with `registry`. Satisfies `inference.batcher.BatchObserver`."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self.registry = registry
        Info("undertone_build", "What is running", registry=registry).info({"version": version})
        self.models = Info("undertone_models", "The models in use", registry=registry)
        self.streams_active = Gauge("undertone_streams_active", "Live calls", ("transport",), registry=registry)
        self.calls = Counter(
            "undertone_calls_total", "Calls that ended, by reason", ("transport", "reason"), registry=registry
        )
        self.audio_seconds = Counter(
            "undertone_audio_seconds_total", "Audio received, per channel, in seconds", registry=registry
        )
        self.speech_seconds = Counter(
            "undertone_speech_seconds_total", "Speech in the audio received, in seconds", registry=registry
        )
        self.windows = Counter(
            "undertone_windows_total", "Windows by model and outcome", ("model", "outcome"), registry=registry
        )
        self.windows_waiting = Gauge(
            "undertone_windows_waiting", "Windows that wait for their model now", ("model",), registry=registry
        )
        self.batch_size = Histogram(
            "undertone_batch_windows",
            "Windows per batch",
            ("model",),
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "undertone_stage_seconds",
            "Seconds spent per stage: ingest (a block), queue (a batch's oldest window), inference (a batch)",
            ("stage", "model"),
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.event_lag_seconds = Histogram(
            "undertone_event_lag_seconds",
            "From the last needed sample received to the emotion event sent",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self.events = Counter("undertone_events_total", "Events by type", ("type",), registry=registry)
        self._events: dict[str, Counter] = {}  # looking a labelled counter up costs more than counting
        self.faults = Counter("undertone_faults_total", "Errors and warnings by code", ("code",), registry=registry)
        self.speaker_changes = Counter(
            "undertone_speaker_changes_total", "Changes of speaker within calls", registry=registry
        )
        self.hop_factor = Gauge(
            "undertone_hop_factor", "What hops are multiplied by because the server is busy", registry=registry
        )
        self.strain_seconds = Gauge(
            "undertone_strain_seconds",
            "The worst delay of events, windows and clock by which the server judges its load",
            registry=registry,
        )
        self.busy_ratio = Gauge(
            "undertone_busy_ratio",
            "The share of the last seconds for which the busiest thread worked",
            registry=registry,
        )
        self.events_dropped = Counter(
            "undertone_events_dropped_total", "Events that a slow reader lost", ("reader",), registry=registry
        )

    def event_said(self, kind: str) -> None:
        """Count an event of this type."""
        if kind not in self._events:
            self._events[kind] = self.events.labels(kind)
        self._events[kind].inc()

    def watch_emotion(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Report the rolling emotion of the live channels that `readings` gives at each scrape."""
        self.registry.register(RollingEmotion(readings))

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        self.batch_size.labels(role.value).observe(size)
        self.stage_seconds.labels("inference", role.value).observe(inference_s)
        self.stage_seconds.labels("queue", role.value).observe(waited_s)

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        self.windows.labels(role.value, outcome).inc(number)
