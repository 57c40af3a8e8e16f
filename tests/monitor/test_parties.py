"""The floor between channels that separate the parties."""

from __future__ import annotations

from monitor.parties import OVER_FRAMES, TURN_FRAMES, Parties, Passed


def speaking(parties: Parties, channel: int, start: int, frames: int = OVER_FRAMES) -> list[Passed]:
    """`channel` begins at `start` and goes on for `frames`; how the floor passed."""
    parties.opened(channel)
    marks = [mark for mark in (TURN_FRAMES, OVER_FRAMES) if mark <= frames]
    return [passed for mark in marks if (passed := parties.lasted(channel, start, mark))]


def test_the_first_to_say_something_has_the_floor_from_where_they_began() -> None:
    assert speaking(Parties(), 1, 50, TURN_FRAMES) == [Passed(None, 1, 50)]
    assert speaking(Parties(), 1, 50, TURN_FRAMES - 1) == []


def test_after_the_other_has_ended_a_turn_takes_the_floor() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    assert parties.closed(0, 100) is None
    assert speaking(parties, 1, 120, TURN_FRAMES) == [Passed(0, 1, 120)]


def test_a_backchannel_does_not_take_the_floor() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    assert speaking(parties, 1, 60, OVER_FRAMES - 1) == []
    assert parties.closed(1, 100) is None
    assert parties.closed(0, 300) is None
    assert parties.holder == 0


def test_an_interruption_takes_it_and_who_goes_on_gets_it_back() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    assert speaking(parties, 1, 60) == [Passed(0, 1, 60, taken=True)]
    assert parties.closed(1, 150) == Passed(1, 0, 150)


def test_who_outlasts_the_other_had_the_floor_from_their_beginning() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    assert speaking(parties, 1, 90, TURN_FRAMES) == []
    assert parties.closed(0, 115) == Passed(0, 1, 90)


def test_who_is_known_to_speak_does_not_take_the_floor_again() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    parties.closed(0, 100)
    assert speaking(parties, 0, 120) == []


def test_the_floor_never_passes_back_in_time() -> None:
    parties = Parties()
    speaking(parties, 0, 10)
    speaking(parties, 1, 20)
    speaking(parties, 2, 15)
    passed = parties.closed(2, 90)
    assert passed is not None
    assert passed.boundary >= 20


def test_a_short_word_between_two_turns_of_the_other_is_none() -> None:
    parties = Parties()
    speaking(parties, 0, 0)
    parties.closed(0, 100)
    assert speaking(parties, 1, 110, TURN_FRAMES - 1) == []
    assert parties.closed(1, 125) is None
    assert parties.holder == 0
