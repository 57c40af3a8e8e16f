"""Emotion by the second comes back as it was said, to three digits."""

from __future__ import annotations

import pytest

from history.packing import NOBODY, Minutes, pack_scores, second_of, unpack_scores, unpacked
from monitor.events import Emotion
from tests.history.callsmade import Telling, scores


def said(t: float, angry: float = 0.8) -> Emotion:
    event = Telling().emotion(t, angry)
    assert isinstance(event, Emotion)
    return event


def test_what_was_packed_is_unpacked() -> None:
    minutes = Minutes()
    minutes.add(said(61.5, 0.8123), 0)
    minutes.add(said(63.0, -1), NOBODY)
    first, second = unpacked(1, minutes.minute, minutes.body, ["S1"])
    assert (first.t, first.channel, first.speaker, first.reliability, first.arousal) == (61.5, 1, "S1", "high", 0.5)
    assert first.scores["angry"] == pytest.approx(0.8123, abs=0.001)
    assert first.label == "angry"
    assert (second.t, second.speaker, second.reliability, second.arousal, second.label) == (
        63.0,
        None,
        "unusable",
        None,
        None,
    )


def test_of_the_readings_of_a_second_the_newest_stays() -> None:
    minutes = Minutes()
    for t in (1.5, 2.0, 2.5):
        minutes.add(said(t), 0)
    assert [second.t for second in unpacked(0, 0, minutes.body, ["S1"])] == [2.0, 2.5]


def test_a_reading_belongs_to_the_second_that_it_ends() -> None:
    assert [second_of(t) for t in (0.0, 0.5, 1.0, 1.02, 60.0, 60.5)] == [0, 0, 0, 1, 59, 60]


def test_the_end_of_a_minute_belongs_to_it() -> None:
    minutes = Minutes()
    minutes.add(said(60.0), 0)
    assert minutes.minute == 0
    assert [second.t for second in unpacked(0, 0, minutes.body, ["S1"])] == [60.0]


def test_a_new_minute_begins_empty() -> None:
    minutes = Minutes()
    minutes.add(said(59.5), 0)
    minutes.add(said(60.5), 0)
    assert minutes.minute == 1
    assert [second.t for second in unpacked(0, 1, minutes.body, ["S1"])] == [60.5]


def test_scores_alone_come_back() -> None:
    assert unpack_scores(pack_scores(scores(0.25))) == scores(0.25)
