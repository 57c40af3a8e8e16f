"""When one rule raises an alert, keeps it up to date, and clears it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alarm import DOUBT_S, UPDATE_S, Alarm, Sample, Told
from monitor.rules import Rule

HOP_S, HORIZON_S = 0.5, 3.0


def rule(**fields: Any) -> Rule:
    whole: dict[str, Any] = {
        "name": "anger", "score": {"angry": 1.0}, "above": 0.7, "clear": 0.5, "for_s": 3.0, "cooldown_s": 10.0,
    }  # fmt: skip
    return Rule(**(whole | fields))


def sample(t: float, value: float | None, reliable: bool = True) -> Sample:
    return Sample(t, value, HORIZON_S, 0, reliable=reliable)


def told(alarm: Alarm, values: Iterable[float | None], start_s: float = 0.0) -> list[tuple[float, Told]]:
    """What an alarm says of values that come every hop."""
    out = []
    for number, value in enumerate(values):
        t = start_s + number * HOP_S
        said = alarm.hear(sample(t, value))
        if said is not None:
            out.append((t, said))
    return out


def test_it_is_raised_once_the_level_has_been_passed_for_long_enough() -> None:
    assert told(Alarm(rule()), [0.2] * 4 + [0.8] * 8) == [(5.0, Told.RAISED)]


def test_without_a_time_it_is_raised_at_once() -> None:
    assert told(Alarm(rule(for_s=0.0)), [0.2, 0.7]) == [(0.5, Told.RAISED)]


def test_one_reading_short_of_the_level_begins_the_count_anew() -> None:
    assert told(Alarm(rule()), [0.8] * 5 + [0.69] + [0.8] * 7) == [(6.0, Told.RAISED)]


def test_between_the_levels_a_raised_alert_stays() -> None:
    assert told(Alarm(rule(for_s=0.0)), [0.8, 0.6, 0.5, 0.49]) == [(0.0, Told.RAISED), (1.5, Told.CLEARED)]


def test_nothing_usable_clears_it() -> None:
    assert told(Alarm(rule(for_s=0.0)), [0.8, 0.8, None]) == [(0.0, Told.RAISED), (1.0, Told.CLEARED)]


def test_it_is_told_of_anew_at_most_every_few_seconds_and_only_while_it_lasts() -> None:
    said = told(Alarm(rule(for_s=0.0)), [0.8] * 25 + [0.6] * 25)
    assert said == [(0.0, Told.RAISED), (UPDATE_S, Told.UPDATED), (2 * UPDATE_S, Told.UPDATED)]


def test_the_evidence_is_the_audio_that_was_beyond_the_level_and_its_worst_reading() -> None:
    alarm = Alarm(rule())
    told(alarm, [0.2] * 10 + [0.75, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8] + [0.6] * 4)
    assert alarm.evidence is not None
    assert (alarm.evidence.start_s, alarm.evidence.end_s, alarm.evidence.worst.value) == (2.0, 8.5, 0.9)


def test_the_evidence_does_not_begin_before_the_call() -> None:
    alarm = Alarm(rule(for_s=0.0))
    told(alarm, [0.8])
    assert alarm.evidence is not None
    assert alarm.evidence.start_s == 0.0


def test_after_it_was_cleared_it_cools_down_and_what_still_lasts_then_is_raised_again() -> None:
    alarm = Alarm(rule(for_s=1.0))
    assert told(alarm, [0.8] * 3 + [0.1]) == [(1.0, Told.RAISED), (1.5, Told.CLEARED)]
    assert told(alarm, [0.8] * 40, start_s=2.0)[0] == (11.5, Told.RAISED)


def test_what_is_not_reliable_does_not_raise_but_can_clear() -> None:
    alarm = Alarm(rule(for_s=0.0))
    assert alarm.hear(sample(0.0, 0.9, reliable=False)) is None
    assert alarm.hear(sample(0.5, 0.9)) is Told.RAISED
    assert alarm.hear(sample(9.0, 0.9, reliable=False)) is None
    assert alarm.hear(sample(9.5, 0.3, reliable=False)) is Told.CLEARED


def test_what_is_pending_is_over_after_long_doubt() -> None:
    alarm = Alarm(rule())
    assert alarm.hear(sample(0.0, 0.9)) is None
    for number in range(1, 9):
        assert alarm.hear(sample(number * HOP_S, 0.9, reliable=False)) is None
    assert alarm.hear(sample(DOUBT_S + 1.5, 0.9)) is None
    assert alarm.hear(sample(DOUBT_S + 4.5, 0.9)) is Told.RAISED
    assert alarm.evidence is not None
    assert alarm.evidence.start_s == 1.5


def test_a_raised_alert_does_not_hang_in_doubt() -> None:
    alarm = Alarm(rule(for_s=0.0))
    assert alarm.hear(sample(0.0, 0.9)) is Told.RAISED
    said = [alarm.hear(sample(0.5 + number * HOP_S, 0.9, reliable=False)) for number in range(20)]
    assert [word for word in said if word is not None] == [Told.CLEARED]
    assert said.index(Told.CLEARED) * HOP_S == pytest.approx(DOUBT_S + HOP_S)


def test_a_moment_of_doubt_changes_nothing() -> None:
    alarm = Alarm(rule(for_s=0.0))
    assert alarm.hear(sample(0.0, 0.9)) is Told.RAISED
    for number in range(20):
        assert alarm.hear(sample(0.5 + number * HOP_S, 0.6, reliable=number % 4 == 0)) is None


def test_a_rule_may_watch_for_too_little() -> None:
    alarm = Alarm(rule(above=None, below=0.3, clear=0.4, for_s=0.0))
    assert told(alarm, [0.5, 0.3, 0.35, 0.2, 0.41]) == [(0.5, Told.RAISED), (2.0, Told.CLEARED)]
    assert alarm.evidence is not None
    assert alarm.evidence.worst.value == 0.2


def test_it_can_be_cleared_from_without_and_only_if_it_is_raised() -> None:
    alarm = Alarm(rule(for_s=1.0))
    assert alarm.clear(0.0) is None
    assert told(alarm, [0.8] * 3) == [(1.0, Told.RAISED)]
    assert alarm.clear(1.2) is Told.CLEARED
    assert alarm.clear(1.3) is None


VALUES = st.one_of(st.none(), st.floats(0, 1))
RULES = st.builds(
    rule,
    for_s=st.sampled_from((0.0, 0.5, 3.0)),
    cooldown_s=st.sampled_from((0.0, 2.0, 30.0)),
    clear=st.sampled_from((0.3, 0.5, 0.7)),
)
COURSES = st.lists(st.tuples(VALUES, st.booleans(), st.sampled_from((0.1, 0.5, 2.0))), max_size=120)


@given(RULES, COURSES)
def test_it_never_flaps(watched: Rule, course: list[tuple[float | None, bool, float]]) -> None:
    """Raised and cleared take turns; what is raised has lasted; after clearing there is rest; updates are rare."""
    alarm, t = Alarm(watched), 0.0
    heard: list[tuple[float, float | None, bool]] = []
    said: list[tuple[float, Told]] = []
    for value, reliable, step in course:
        t = round(t + step, 3)
        heard.append((t, value, reliable))
        word = alarm.hear(sample(t, value, reliable))
        if word is not None:
            said.append((t, word))
    edges = [(at, word) for at, word in said if word is not Told.UPDATED]
    assert [word for _, word in edges] == [Told.RAISED, Told.CLEARED] * (len(edges) // 2) + [Told.RAISED] * (
        len(edges) % 2
    )
    for (cleared, _), (raised, _) in zip(edges[1::2], edges[2::2], strict=False):
        assert raised - cleared >= watched.cooldown_s - 1e-6
    for raised, word in edges:
        if word is Told.RAISED:
            before = [(at, value) for at, value, reliable in heard if raised - watched.for_s - 1e-6 <= at <= raised]
            assert all(value is not None and value >= 0.7 for _, value in before)
    for (first, _), (second, word) in itertools.pairwise(said):
        assert word is not Told.UPDATED or second - first >= UPDATE_S - 1e-6


@given(RULES, COURSES)
def test_an_alert_is_open_exactly_while_it_is_raised(
    watched: Rule, course: list[tuple[float | None, bool, float]]
) -> None:
    alarm, t, is_open = Alarm(watched), 0.0, False
    for value, reliable, step in course:
        t += step
        word = alarm.hear(sample(t, value, reliable))
        is_open = {Told.RAISED: True, Told.CLEARED: False}.get(word, is_open) if word else is_open
        if is_open:
            assert alarm.evidence is not None
            assert alarm.evidence.start_s <= alarm.evidence.end_s <= t
        if value is None or watched.back(value):
            assert not is_open


@pytest.mark.parametrize("hop_s", [0.1, 0.5, 2.0, 3.5, 5.0])
def test_how_often_one_looks_changes_when_it_is_raised_by_a_hop_at_most(hop_s: float) -> None:
    alarm = Alarm(rule(clear=0.5))
    raised = [
        number * hop_s
        for number in range(round(60 / hop_s))
        if alarm.hear(sample(number * hop_s, 0.8 if number * hop_s >= 10 else 0.2)) is Told.RAISED
    ]
    assert len(raised) == 1
    first = min(number * hop_s for number in range(200) if number * hop_s >= 10)
    assert first + 3 - 1e-6 <= raised[0] < first + 3 + hop_s
