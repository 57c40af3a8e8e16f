"""Every instrument, declared once: its name, type, labels, unit and meaning; docs/metrics.md shows this table.

No label has values without bound: roles beyond the usual ones are `other`, and so are names beyond the first fifty
(`bounded.py`); `call_id` appears only where `metrics.per_call` allows it, for so many calls at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily

LAG_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 1.0, 2.0, 5.0)
STAGE_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Kind(StrEnum):
    """The type as Prometheus knows it. The buckets of a gauge histogram come and go with what is counted in them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gauge histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Declared:
    """One instrument. `name` is that of its samples, of a histogram without `_bucket` and its kind; `unit` is that of
    its value; `optional` says when it is there, if not always."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: Sequence[float] = ()
    optional: str = ""

    def counter(self, registry: CollectorRegistry) -> Counter:
        return Counter(self.name, self.meaning, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        return Gauge(self.name, self.meaning, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        return Histogram(self.name, self.meaning, self.labels, buckets=self.buckets, registry=registry)

    def info(self, registry: CollectorRegistry) -> Info:
        return Info(self.name.removesuffix("_info"), self.meaning, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """An empty family of a gauge, to be filled at a scrape."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)

    def histogram_family(self) -> GaugeHistogramMetricFamily:
        """An empty family of a gauge histogram, to be filled at a scrape."""
        return GaugeHistogramMetricFamily(self.name, self.meaning, labels=self.labels)


BUILD = Declared("undertone_build_info", Kind.INFO, "What is running", ("version",))
MODELS = Declared("undertone_models_info", Kind.INFO, "The models in use", ("emotion", "speaker", "speech"))
STATUS = Declared(
    "undertone_status",
    Kind.GAUGE,
    "1 for what /readyz says now, 0 for the rest: ready, warming up, draining, full, models restarting",
    ("status",),
)
STREAMS_ACTIVE = Declared("undertone_streams_active", Kind.GAUGE, "Live calls", ("transport",), "calls")
CALLS = Declared("undertone_calls_total", Kind.COUNTER, "Calls that ended, by reason", ("transport", "reason"), "calls")
EMOTION_SCORE = Declared(
    "undertone_emotion_score",
    Kind.GAUGE_HISTOGRAM,
    "Rolling emotion scores now, over the live channels that have a usable one",
    ("label", "role"),
    "0 to 1",
    SCORE_BUCKETS,
)
RULE_CALLS = Declared(
    "undertone_rule_calls", Kind.GAUGE, "Live calls that are beyond a rule's threshold now", ("rule",), "calls"
)
RULE_WORST = Declared(
    "undertone_rule_worst",
    Kind.GAUGE,
    "What a rule measures, in the live call that is worst by it; none where nothing is measured, or for `other`",
    ("rule",),
    "the rule's",
)
ALERTS_FIRING = Declared(
    "undertone_alerts_firing", Kind.GAUGE, "Alerts of live calls that are raised now", ("rule", "severity"), "alerts"
)
ALERTS = Declared("undertone_alerts_total", Kind.COUNTER, "Alerts that were raised", ("rule", "severity"), "alerts")
CALL_EMOTION_SCORE = Declared(
    "undertone_call_emotion_score",
    Kind.GAUGE,
    "Rolling emotion scores of one call; the calls that are worst now",
    ("call_id", "role", "label"),
    "0 to 1",
    optional="metrics.per_call",
)
CALL_INFO = Declared(
    "undertone_call_info",
    Kind.GAUGE,
    "1 for each live call that has series of its own",
    ("call_id", "roles"),
    optional="metrics.per_call",
)
NOTIFICATIONS = Declared(
    "undertone_notifications_total",
    Kind.COUNTER,
    "What became of tries to notify: delivered, retried (later again), failed (given up), lost (it could not be kept)",
    ("channel", "outcome"),
    "tries",
)
NOTIFICATIONS_WAITING = Declared(
    "undertone_notifications_waiting",
    Kind.GAUGE,
    "Notifications that are not delivered yet",
    ("channel",),
    "notifications",
)
HISTORY_ROWS = Declared(
    "undertone_history_rows_total",
    Kind.COUNTER,
    "Rows of the database, or events that would have become some: written, lost (too slow, full or broken a disk)",
    ("table", "outcome"),
    "rows",
)
HISTORY_WAITING_ROWS = Declared(
    "undertone_history_waiting_rows", Kind.GAUGE, "Events of which rows are still to be made and written", unit="events"
)
JOBS = Declared(
    "undertone_jobs",
    Kind.GAUGE,
    "Work on recordings that was asked for over REST: waiting, working",
    ("state",),
    "jobs",
)
RECORDINGS = Declared(
    "undertone_recordings_total",
    Kind.COUNTER,
    "Recordings that were worked on over REST: done, or the code of what is wrong with them (docs/workbench.md)",
    ("outcome",),
    "recordings",
)
RECORDING_SECONDS = Declared(
    "undertone_recording_seconds_total", Kind.COUNTER, "Recordings that were worked on over REST, in seconds", unit="s"
)
JOB_BUSY_SECONDS = Declared(
    "undertone_job_busy_seconds_total", Kind.COUNTER, "For how long the process of jobs was at work", unit="s"
)
JOB_PROCESS_ENDS = Declared(
    "undertone_job_process_ends_total",
    Kind.COUNTER,
    "Ends of the process of jobs: idle (nothing to do), died, stuck, dropped (a job did not give up)",
    ("reason",),
    "ends",
)
EVENT_LAG_SECONDS = Declared(
    "undertone_event_lag_seconds",
    Kind.HISTOGRAM,
    "From the last needed sample received to the emotion event sent",
    unit="s",
    buckets=LAG_BUCKETS,
)
STAGE_SECONDS = Declared(
    "undertone_stage_seconds",
    Kind.HISTOGRAM,
    "Seconds spent per stage: ingest (a block), queue (a batch's oldest window), inference (a batch)",
    ("stage", "model"),
    "s",
    STAGE_BUCKETS,
)
HOP_FACTOR = Declared(
    "undertone_hop_factor", Kind.GAUGE, "What hops are multiplied by because the server is busy", unit="1, 2 or 4"
)
STRAIN_SECONDS = Declared(
    "undertone_strain_seconds",
    Kind.GAUGE,
    "The worst delay of events, windows and clock by which the server judges its load",
    unit="s",
)
BUSY_RATIO = Declared(
    "undertone_busy_ratio",
    Kind.GAUGE,
    "The share of the last seconds for which the busiest thread worked",
    unit="0 to 1",
)
BATCH_WINDOWS = Declared(
    "undertone_batch_windows", Kind.HISTOGRAM, "Windows per batch", ("model",), "windows", BATCH_BUCKETS
)
WINDOWS = Declared(
    "undertone_windows_total", Kind.COUNTER, "Windows by model and outcome", ("model", "outcome"), "windows"
)
WINDOWS_WAITING = Declared(
    "undertone_windows_waiting", Kind.GAUGE, "Windows that wait for their model now", ("model",), "windows"
)
AUDIO_SECONDS = Declared(
    "undertone_audio_seconds_total", Kind.COUNTER, "Audio received, per channel, in seconds", unit="s"
)
SPEECH_SECONDS = Declared(
    "undertone_speech_seconds_total", Kind.COUNTER, "Speech in the audio received, in seconds", unit="s"
)
SPEAKER_CHANGES = Declared(
    "undertone_speaker_changes_total", Kind.COUNTER, "Changes of speaker within calls", unit="changes"
)
EVENTS = Declared("undertone_events_total", Kind.COUNTER, "Events by type", ("type",), "events")
EVENTS_DROPPED = Declared(
    "undertone_events_dropped_total", Kind.COUNTER, "Events that a slow reader lost", ("reader",), "events"
)
FAULTS = Declared(
    "undertone_faults_total", Kind.COUNTER, "Errors and warnings by code (docs/protocol.md)", ("code",), "faults"
)
DECLARED: tuple[Declared, ...] = tuple(found for found in list(vars().values()) if isinstance(found, Declared))
"""All of them, in the order above."""
