"""How soon a rule notices, how often it cries wolf, and what a sweep of its level says."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.alerts import Course, Heard, alarms, noticed
from evaluation.episodes import EPISODE_S, build
from monitor.events import Emotion
from monitor.labels import LABELS
from monitor.rules import Rule
from tests.scripted import EMOTION, voice

RULE = Rule(name="anger", score={"angry": 1.0}, above=0.6, clear=0.6, for_s=1.0, cooldown_s=0.0, reliability="low")


def said(t: float, angry: float, usable: bool = True) -> Emotion:
    return Emotion(
        call_id="c",
        seq=0,
        t=t,
        scores=dict.fromkeys(LABELS, 0.0) | {"angry": angry},
        label="angry" if usable else None,
        confidence=angry,
        arousal=angry if usable else None,
        shape=None,
        reliability="low" if usable else "unusable",
        speech_s=1.0,
        snr_db=None,
        speaker=None,
    )


def course(*angry: float) -> list[Emotion]:
    """An event every half second."""
    return [said(0.5 * n, value) for n, value in enumerate(angry, start=1)]


def test_an_alert_stands_from_when_it_is_raised_to_when_it_is_cleared_or_the_recording_ends() -> None:
    assert alarms(RULE, Heard(course(0.1, 0.7, 0.7, 0.7, 0.9, 0.2, 0.7, 0.7, 0.7), 5.0), 3.0, EMOTION) == [
        (2.0, 3.0),
        (4.5, 5.0),
    ]


def test_episodes_found_missed_and_cried_wolf() -> None:
    events = course(*[0.9 if 12 <= 0.5 * n <= 18 or 30 <= 0.5 * n < 32 else 0.0 for n in range(1, 121)])
    stream = Heard(events, 60.0, ((10.0, 20.0), (40.0, 50.0)))
    calm = Heard(course(*[0.9] * 4, *[0.0] * 116), 60.0)
    found = noticed(RULE, Course([stream], [calm]), 3.0, EMOTION)
    assert (found["episodes"], found["found"]) == (2, 1)
    assert found["time_to_detect_s_p50"] == pytest.approx(3.0)
    assert found["false_per_hour_other_emotions"] == pytest.approx(3600 / (60.0 - 13.0 - 13.0))
    assert found["false_per_hour_calm"] == pytest.approx(60.0)


def test_an_alert_that_already_stood_counts_as_false_and_finds_at_once() -> None:
    stream = Heard(course(*[0.9] * 60), 30.0, ((10.0, 20.0),))
    found = noticed(RULE, Course([stream], []), 3.0, EMOTION)
    assert (found["found"], found["time_to_detect_s_p50"]) == (1, 0.0)
    assert found["false_per_hour_other_emotions"] == pytest.approx(3600 / (30.0 - 13.0))
    assert found["false_per_hour_calm"] is None


def test_episodes_stand_together_with_calm_before_each_and_the_seed_decides_the_order() -> None:
    angry = [voice(200, 2.0, n, 0.5) for n in range(12)]
    others = [voice(120, 2.5, n, 0.1) for n in range(40)]
    stream = build(angry, others, np.random.default_rng(1))
    assert len(stream.episodes) == 3  # twelve angry recordings hold no more
    before = 0.0
    for start, end in stream.episodes:
        assert start - before >= 18.0
        assert EPISODE_S - 1.0 <= end - start < EPISODE_S + 3.0
        calm, inside = (
            np.quantile(np.abs(stream.audio[int(first * 16_000) : int(last * 16_000)]), 0.95)
            for first, last in ((before + 1.0, start), (start, end))
        )
        assert calm < 0.1 < inside
        before = end
    assert np.array_equal(stream.audio, build(angry, others, np.random.default_rng(1)).audio)
    assert not np.array_equal(stream.audio[:99_999], build(angry, others, np.random.default_rng(2)).audio[:99_999])
