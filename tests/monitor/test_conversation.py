"""How people talked with each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.conversation import Pauses, interruptions, pauses
from monitor.turns import Turn


def spoke(speaker: str, start: float, end: float | None) -> Turn:
    return Turn(0 if speaker == "customer" else 1, speaker, start, end)


def test_silence_is_when_nobody_speaks_also_before_and_after() -> None:
    assert pauses([spoke("agent", 2, 5), spoke("customer", 6, 8)], 12) == Pauses(7.0, 4.0, 0.0)


def test_overlap_is_when_more_than_one_does() -> None:
    assert pauses([spoke("agent", 0, 5), spoke("customer", 3, 8)], 8) == Pauses(0.0, 0.0, 2.0)


def test_a_turn_that_goes_on_lasts_up_to_now() -> None:
    assert pauses([spoke("agent", 1, None)], 4) == Pauses(1.0, 1.0, 0.0)


def test_a_call_without_speech_is_silence() -> None:
    assert pauses([], 9) == Pauses(9.0, 9.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 9)), max_size=12))
def test_silence_and_speech_make_up_the_call(spans: list[tuple[float, float]]) -> None:
    turns = [spoke("agent", round(start, 2), round(start + length, 2)) for start, length in spans]
    spoken = sum(any(turn.start <= at / 100 < (turn.end or 0) for turn in turns) for at in range(6000)) / 100
    assert abs(pauses(turns, 60).silence_s - (60 - spoken)) < 0.2


def test_who_takes_the_floor_from_a_speaker_has_interrupted() -> None:
    turns = [spoke("agent", 0, 5), spoke("customer", 3, 8)]
    assert interruptions(turns, [(0, None, "agent"), (3, "agent", "customer")], 10) == {"customer": 1}


def test_who_waits_for_the_end_has_not() -> None:
    turns = [spoke("agent", 0, 5), spoke("customer", 5, 8), spoke("agent", 9, 10)]
    changes = [(0.0, None, "agent"), (5.0, "agent", "customer"), (9.0, "customer", "agent")]
    assert interruptions(turns, changes, 10) == {}


def test_who_still_speaks_can_be_interrupted() -> None:
    assert interruptions([spoke("agent", 0, None), spoke("customer", 3, None)], [(3, "agent", "customer")], 6) == {
        "customer": 1
    }
