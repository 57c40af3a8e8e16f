"""What operators see: the names, the units, and labels that cannot grow without bound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from metrics.bounded import MOST_NAMES, ROLES, Bounded, role_label
from metrics.declared import DECLARED, Declared, Kind
from metrics.instruments import Instruments
from metrics.readings import STATUSES, CallReading, RuleReading
from monitor.analysis import Role
from monitor.labels import LABELS

PARTS = ("_bucket", "_sum", "_count", "_gsum", "_gcount")
"""What the samples of a histogram have behind its name."""


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(CollectorRegistry(), "1.2.3")


def scores(angry: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, 0.0) | {"angry": angry, "neutral": 1 - angry}


def used(instruments: Instruments) -> Instruments:
    """Every instrument, used once."""
    instruments.models.info({"emotion": "e", "speaker": "s", "speech": "v"})
    instruments.streams_active.labels("websocket").inc()
    instruments.calls.labels("websocket", "finished").inc()
    instruments.audio_seconds.inc(2)
    instruments.speech_seconds.inc(1)
    instruments.event_lag_seconds.observe(0.2)
    instruments.event_said("emotion")
    instruments.faults.labels("audio.gap").inc()
    instruments.speaker_changes.inc()
    instruments.events_dropped.labels("onlooker").inc()
    instruments.batch_done(Role.EMOTION, 3, 0.03, 0.2)
    instruments.windows_done(Role.EMOTION, "analysed", 1)
    instruments.windows_waiting.labels("emotion").set(1)
    instruments.alert_raised("anger", "warning")
    instruments.notified("desk", "delivered")
    instruments.notifications_wait("desk", 1)
    instruments.rows_done("turns", "written", 3)
    instruments.watch_jobs(lambda state: 1)
    instruments.recordings_worked_on({"done": 2}, 6.0, 0.5)
    instruments.job_process_ended("idle")
    reading = CallReading("a", [("customer", scores(0.5))], [RuleReading("anger", "warning", 0.5, True, True, 1)])
    instruments.watch_calls(lambda: [reading], per_call=1)
    instruments.watch_status(lambda: "ready")
    return instruments


def samples(instruments: Instruments) -> Iterator[tuple[str, dict[str, str]]]:
    text = generate_latest(instruments.registry).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample.name, sample.labels


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(name, labels)


def declared_name(sample: str, names: set[str]) -> str:
    part = next((part for part in PARTS if sample.endswith(part)), "")
    return bare if (bare := sample.removesuffix(part)) in names else sample


def test_every_instrument_appears_under_its_declared_name_and_labels(instruments: Instruments) -> None:
    seen: dict[str, set[str]] = {}
    for sample, labels in samples(used(instruments)):
        name = declared_name(sample, {one.name for one in DECLARED})
        seen.setdefault(name, set()).update(set(labels) - {"le"})
    assert seen == {one.name: set(one.labels) for one in DECLARED}


def test_every_instrument_explains_itself(instruments: Instruments) -> None:
    assert all(len(family.documentation) > 5 for family in used(instruments).registry.collect())


def test_no_label_is_per_call_but_where_a_setting_asks_for_it() -> None:
    forbidden = {"call", "call_id", "id", "session", "peer", "ip", "tag", "speaker_id"}
    assert not forbidden & {label for one in DECLARED if not one.optional for label in one.labels}


@pytest.mark.parametrize("one", DECLARED, ids=lambda one: one.name)
def test_names_say_what_prometheus_expects_them_to(one: Declared) -> None:
    assert one.name.startswith("undertone_")
    assert one.name.endswith("_total") == (one.kind is Kind.COUNTER)
    assert bool(one.buckets) == (one.kind in (Kind.HISTOGRAM, Kind.GAUGE_HISTOGRAM))


def test_the_version_is_exposed(instruments: Instruments) -> None:
    assert value(instruments, "undertone_build_info", version="1.2.3") == 1.0


def test_a_batch_is_observed_once_with_the_wait_of_its_oldest_window(instruments: Instruments) -> None:
    instruments.batch_done(Role.SPEAKER, 3, 0.03, 0.2)
    assert value(instruments, "undertone_batch_windows_sum", model="speaker") == 3
    assert value(instruments, "undertone_batch_windows_count", model="speaker") == 1
    assert value(instruments, "undertone_stage_seconds_count", stage="queue", model="speaker") == 1
    assert value(instruments, "undertone_stage_seconds_sum", stage="queue", model="speaker") == 0.03
    assert value(instruments, "undertone_stage_seconds_sum", stage="inference", model="speaker") == 0.2


def test_windows_are_counted_by_model_and_outcome(instruments: Instruments) -> None:
    for outcome in ("analysed", "analysed", "skipped"):
        instruments.windows_done(Role.EMOTION, outcome, 1)
    assert value(instruments, "undertone_windows_total", model="emotion", outcome="analysed") == 2
    assert value(instruments, "undertone_windows_total", model="emotion", outcome="skipped") == 1


def test_notifications_are_counted_by_channel_and_outcome_and_those_that_wait_are_shown(
    instruments: Instruments,
) -> None:
    for outcome in ("retried", "retried", "delivered"):
        instruments.notified("desk", outcome)
    instruments.notifications_wait("desk", 4)
    assert value(instruments, "undertone_notifications_total", channel="desk", outcome="retried") == 2
    assert value(instruments, "undertone_notifications_total", channel="desk", outcome="delivered") == 1
    assert value(instruments, "undertone_notifications_waiting", channel="desk") == 4


def test_rows_of_the_history_are_counted_by_table_and_outcome_and_those_that_wait_are_shown(
    instruments: Instruments,
) -> None:
    instruments.rows_done("seconds", "written", 500)
    instruments.rows_done("seconds", "lost", 2)
    instruments.watch_history(lambda: 70)
    assert value(instruments, "undertone_history_rows_total", table="seconds", outcome="written") == 500
    assert value(instruments, "undertone_history_rows_total", table="seconds", outcome="lost") == 2
    assert value(instruments, "undertone_history_waiting_rows") == 70


def test_recordings_are_counted_by_what_became_of_them_and_jobs_are_shown_by_state(instruments: Instruments) -> None:
    instruments.watch_jobs(lambda state: {"waiting": 3, "working": 1}[state])
    instruments.recordings_worked_on({"done": 2, "silent": 1}, 9.0, 0.5)
    instruments.recordings_worked_on({"done": 1}, 3.0, 0.25)
    instruments.job_process_ended("died")
    assert value(instruments, "undertone_jobs", state="waiting") == 3
    assert value(instruments, "undertone_jobs", state="working") == 1
    assert value(instruments, "undertone_recordings_total", outcome="done") == 3
    assert value(instruments, "undertone_recordings_total", outcome="silent") == 1
    assert value(instruments, "undertone_recording_seconds_total") == 12.0
    assert value(instruments, "undertone_job_busy_seconds_total") == 0.75
    assert value(instruments, "undertone_job_process_ends_total", reason="died") == 1


@pytest.mark.parametrize("status", STATUSES)
def test_of_all_that_a_server_can_be_one_is_1_and_the_rest_is_0(instruments: Instruments, status: str) -> None:
    instruments.watch_status(lambda: status)  # type: ignore[arg-type, return-value]
    shown = {one: value(instruments, "undertone_status", status=one) for one in STATUSES}
    assert shown == dict.fromkeys(STATUSES, 0) | {status: 1}


@pytest.mark.parametrize("role", ROLES)
def test_usual_roles_keep_their_name(role: str) -> None:
    assert role_label(role) == role


@pytest.mark.parametrize("role", ["", "caller-4711", "Customer", "other"])
def test_any_other_role_is_other(role: str) -> None:
    assert role_label(role) == "other"


def test_names_beyond_the_first_fifty_are_other_and_those_before_stay_what_they_are() -> None:
    names = Bounded()
    first = [f"rule-{number}" for number in range(MOST_NAMES)]
    assert [names.label(name) for name in first] == first
    assert names.label("one-more") == "other"
    assert names.label(first[0]) == first[0]


def test_channels_of_notification_and_rules_cannot_make_series_without_bound(instruments: Instruments) -> None:
    for number in range(1_000):
        instruments.notified(f"channel-{number}", "delivered")
        instruments.alert_raised(f"rule-{number}", "warning")
    found = list(samples(instruments))
    for name in ("undertone_notifications_total", "undertone_alerts_total"):
        assert sum(sample == name for sample, _ in found) == MOST_NAMES + 1
    assert value(instruments, "undertone_alerts_total", rule="other", severity="warning") == 1_000 - MOST_NAMES


def test_two_servers_in_one_process_do_not_share_numbers() -> None:
    one, other = Instruments(CollectorRegistry(), "1"), Instruments(CollectorRegistry(), "1")
    one.speaker_changes.inc()
    assert value(other, "undertone_speaker_changes_total") == 0
