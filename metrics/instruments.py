"""The instruments of one server, and what tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import get_args

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from metrics import declared
from metrics.bounded import Bounded
from metrics.livecalls import LiveCalls
from metrics.readings import STATUSES, CallReading, JobProcessEnd, JobState, Status
from monitor.analysis import Role


class Instruments:
    """All instruments, registered with `registry`. Satisfies what those who do the work take for an observer: batchers,
    notification and history."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self.registry = registry
        declared.BUILD.info(registry).info({"version": version})
        self.models = declared.MODELS.info(registry)
        self.streams_active = declared.STREAMS_ACTIVE.gauge(registry)
        self.calls = declared.CALLS.counter(registry)
        self.audio_seconds = declared.AUDIO_SECONDS.counter(registry)
        self.speech_seconds = declared.SPEECH_SECONDS.counter(registry)
        self.speaker_changes = declared.SPEAKER_CHANGES.counter(registry)
        self.windows = declared.WINDOWS.counter(registry)
        self.windows_waiting = declared.WINDOWS_WAITING.gauge(registry)
        self.batch_size = declared.BATCH_WINDOWS.histogram(registry)
        self.stage_seconds = declared.STAGE_SECONDS.histogram(registry)
        self.event_lag_seconds = declared.EVENT_LAG_SECONDS.histogram(registry)
        self.events = declared.EVENTS.counter(registry)
        self._events: dict[str, Counter] = {}  # looking a labelled counter up costs more than counting
        self.events_dropped = declared.EVENTS_DROPPED.counter(registry)
        self.faults = declared.FAULTS.counter(registry)
        self.hop_factor = declared.HOP_FACTOR.gauge(registry)
        self.strain_seconds = declared.STRAIN_SECONDS.gauge(registry)
        self.busy_ratio = declared.BUSY_RATIO.gauge(registry)
        self._alerts = declared.ALERTS.counter(registry)
        self._notifications = declared.NOTIFICATIONS.counter(registry)
        self._notifications_waiting = declared.NOTIFICATIONS_WAITING.gauge(registry)
        self._history_rows = declared.HISTORY_ROWS.counter(registry)
        self._history_waiting_rows = declared.HISTORY_WAITING_ROWS.gauge(registry)
        self._jobs = declared.JOBS.gauge(registry)
        self._recordings = declared.RECORDINGS.counter(registry)
        self._recording_seconds = declared.RECORDING_SECONDS.counter(registry)
        self._job_busy_seconds = declared.JOB_BUSY_SECONDS.counter(registry)
        self._job_process_ends = declared.JOB_PROCESS_ENDS.counter(registry)
        self._rules = Bounded()
        self._channels = Bounded()

    def event_said(self, kind: str) -> None:
        """Count an event of this type."""
        if kind not in self._events:
            self._events[kind] = self.events.labels(kind)
        self._events[kind].inc()

    def watch_calls(self, readings: Callable[[], Iterable[CallReading]], per_call: int = 0) -> None:
        """Report, at each scrape, the live calls that `readings` gives then; `per_call` of them one by one."""
        self.registry.register(LiveCalls(readings, self._rules, per_call, self._alerts.labels))

    def watch_status(self, status: Callable[[], Status]) -> None:
        """Report, at each scrape, what `status` says then."""
        self.registry.register(_Readiness(status))

    def alert_raised(self, rule: str, severity: str) -> None:
        self._alerts.labels(self._rules.label(rule), severity).inc()

    def notified(self, channel: str, outcome: str) -> None:
        """A notification was `delivered`, `retried`, given up (`failed`), or `lost` before it could be kept."""
        self._notifications.labels(self._channels.label(channel), outcome).inc()

    def notifications_wait(self, channel: str, number: int) -> None:
        """So many notifications are not delivered yet."""
        self._notifications_waiting.labels(self._channels.label(channel)).set(number)

    def rows_done(self, table: str, outcome: str, number: int) -> None:
        """So many rows were `written` to a table of the history, or are `lost` to it. May be called by any thread."""
        self._history_rows.labels(table, outcome).inc(number)

    def watch_history(self, waiting: Callable[[], int]) -> None:
        """Report, at each scrape, what `waiting` gives then."""
        self._history_waiting_rows.set_function(waiting)

    def watch_jobs(self, number: Callable[[JobState], int]) -> None:
        """Report, at each scrape, how many jobs `number` says to be in each state then."""
        for state in get_args(JobState):
            self._jobs.labels(state).set_function(partial(number, state))

    def recordings_worked_on(self, outcomes: Mapping[str, int], audio_s: float, busy_s: float) -> None:
        """So many recordings were `done`, or failed by a code of workbench.failures; `audio_s` of them in `busy_s`."""
        for outcome, number in outcomes.items():
            self._recordings.labels(outcome).inc(number)
        self._recording_seconds.inc(audio_s)
        self._job_busy_seconds.inc(busy_s)

    def job_process_ended(self, reason: JobProcessEnd) -> None:
        self._job_process_ends.labels(reason).inc()

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        self.batch_size.labels(role.value).observe(size)
        self.stage_seconds.labels("inference", role.value).observe(inference_s)
        self.stage_seconds.labels("queue", role.value).observe(waited_s)

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        self.windows.labels(role.value, outcome).inc(number)


class _Readiness(Collector):
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        family, now = declared.STATUS.family(), self._status()
        for status in STATUSES:
            family.add_metric((status,), status == now)
        yield family
