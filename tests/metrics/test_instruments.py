"""What operators see: the names, the units, and labels that cannot grow without bound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from metrics.instruments import ROLES, Instruments, role_label
from monitor.analysis import Role
from monitor.labels import LABELS

DOCUMENTED = {
    "undertone_audio_seconds": ("counter", set()),
    "undertone_batch_windows": ("histogram", {"model"}),
    "undertone_build_info": ("gauge", {"version"}),
    "undertone_calls": ("counter", {"transport", "reason"}),
    "undertone_emotion_score_ratio": ("gauge", {"label", "role"}),
    "undertone_event_lag_seconds": ("histogram", set()),
    "undertone_events": ("counter", {"type"}),
    "undertone_events_dropped": ("counter", {"reader"}),
    "undertone_faults": ("counter", {"code"}),
    "undertone_hop_factor": ("gauge", set()),
    "undertone_models_info": ("gauge", {"emotion", "speaker"}),
    "undertone_speaker_changes": ("counter", set()),
    "undertone_speech_seconds": ("counter", set()),
    "undertone_stage_seconds": ("histogram", {"stage", "model"}),
    "undertone_strain_seconds": ("gauge", set()),
    "undertone_busy_ratio": ("gauge", set()),
    "undertone_streams_active": ("gauge", {"transport"}),
    "undertone_windows": ("counter", {"model", "outcome"}),
}
"""Kind and labels per name, as exposed; a counter's samples end in _total."""


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(CollectorRegistry(), "1.2.3")


def scores(angry: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, 0.0) | {"angry": angry, "neutral": 1 - angry}


def used(instruments: Instruments) -> Instruments:
    """Every instrument, used once."""
    instruments.models.info({"emotion": "e", "speaker": "s"})
    instruments.streams_active.labels("websocket").inc()
    instruments.calls.labels("websocket", "finished").inc()
    instruments.audio_seconds.inc(2)
    instruments.speech_seconds.inc(1)
    instruments.event_lag_seconds.observe(0.2)
    instruments.events.labels("emotion").inc()
    instruments.faults.labels("audio.gap").inc()
    instruments.speaker_changes.inc()
    instruments.events_dropped.labels("onlooker").inc()
    instruments.batch_done(Role.EMOTION, 3, 0.03, 0.2)
    instruments.windows_done(Role.EMOTION, "analysed", 1)
    instruments.watch_emotion(lambda: [("customer", scores(0.5))])
    return instruments


def samples(instruments: Instruments) -> Iterator[tuple[str, str, dict[str, str], float]]:
    text = generate_latest(instruments.registry).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield family.name, family.type, sample.labels, sample.value


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(name, labels)


def test_every_instrument_appears_under_its_documented_name_kind_and_labels(instruments: Instruments) -> None:
    seen: dict[str, tuple[str, set[str]]] = {}
    for name, kind, labels, _ in samples(used(instruments)):
        if not name.endswith("_created"):
            seen.setdefault(name, (kind, set()))[1].update(set(labels) - {"le"})
    assert seen == DOCUMENTED


def test_every_instrument_explains_itself(instruments: Instruments) -> None:
    assert all(len(family.documentation) > 5 for family in used(instruments).registry.collect())


def test_no_label_is_per_call() -> None:
    forbidden = {"call", "call_id", "id", "session", "peer", "ip", "tag", "speaker_id"}
    assert not forbidden & set().union(*(labels for _, labels in DOCUMENTED.values()))


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


@pytest.mark.parametrize("role", ROLES)
def test_usual_roles_keep_their_name(role: str) -> None:
    assert role_label(role) == role


@pytest.mark.parametrize("role", ["", "caller-4711", "Customer", "other"])
def test_any_other_role_is_other(role: str) -> None:
    assert role_label(role) == "other"


def test_rolling_emotion_is_the_mean_over_live_channels_of_a_role(instruments: Instruments) -> None:
    instruments.watch_emotion(lambda: [("customer", scores(0.2)), ("customer", scores(0.6)), ("agent", scores(1.0))])
    name = "undertone_emotion_score_ratio"
    assert value(instruments, name, label="angry", role="customer") == pytest.approx(0.4)
    assert value(instruments, name, label="neutral", role="customer") == pytest.approx(0.6)
    assert value(instruments, name, label="angry", role="agent") == 1.0


def test_rolling_emotion_of_a_thousand_roles_is_nine_series(instruments: Instruments) -> None:
    instruments.watch_emotion(lambda: [(f"role-{n}", scores(0.5)) for n in range(1_000)])
    found = [labels for name, _, labels, _ in samples(instruments) if name == "undertone_emotion_score_ratio"]
    assert sorted(labels["label"] for labels in found) == sorted(LABELS)
    assert {labels["role"] for labels in found} == {"other"}


def test_rolling_emotion_is_asked_for_at_each_scrape(instruments: Instruments) -> None:
    live = [("customer", scores(0.2))]
    instruments.watch_emotion(lambda: live)
    live.clear()
    assert value(instruments, "undertone_emotion_score_ratio", label="angry", role="customer") is None


def test_two_servers_in_one_process_do_not_share_numbers() -> None:
    one, other = Instruments(CollectorRegistry(), "1"), Instruments(CollectorRegistry(), "1")
    one.speaker_changes.inc()
    assert value(other, "undertone_speaker_changes_total") == 0
