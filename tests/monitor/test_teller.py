"""Events are numbered in the order in which they are said, and warnings do not repeat themselves."""

from __future__ import annotations

from monitor.events import SpeechEnded, SpeechStarted, Warning
from monitor.teller import Teller


def test_events_are_numbered_from_one_on_over_every_take() -> None:
    teller = Teller("c")
    teller.say(SpeechStarted, 1.0, 0)
    first = teller.take()
    teller.say(SpeechEnded, 2.0, 0, start_s=1.0)
    assert [event.seq for event in first + teller.take()] == [1, 2]
    assert teller.take() == []


def test_times_are_told_to_the_millisecond() -> None:
    teller = Teller("c")
    teller.say(SpeechStarted, 1.23456, 0)
    assert teller.take() == [SpeechStarted(call_id="c", seq=1, t=1.235, channel=0)]


def test_what_is_said_is_summed_up() -> None:
    teller = Teller("c")
    teller.say(SpeechStarted, 1.0, 0)
    teller.say(SpeechEnded, 3.0, 0, start_s=1.0)
    assert teller.ledger.summary(5.0, [None]).speech_s == 2.0


def test_a_warning_is_given_again_after_half_a_minute() -> None:
    teller = Teller("c")
    for t in (10.0, 39.9, 40.0, 41.0):
        teller.warn("audio.gap", "lost", t, 1)
    assert [(event.t, event.channel) for event in teller.take()] == [(10.0, 1), (40.0, 1)]


def test_a_warning_that_was_held_back_does_not_put_off_the_next() -> None:
    teller = Teller("c")
    for t in (0.0, 20.0, 30.0):
        teller.warn("audio.gap", "lost", t)
    assert len(teller.take()) == 2


def test_warnings_of_different_codes_do_not_hold_each_other_back() -> None:
    teller = Teller("c")
    teller.warn("audio.gap", "lost", 1.0)
    teller.warn("audio.clipped", "loud", 1.0)
    assert [event.code for event in teller.take() if isinstance(event, Warning)] == ["audio.gap", "audio.clipped"]
