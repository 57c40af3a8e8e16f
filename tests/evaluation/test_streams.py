"""Rules, streams of one voice, and what is said where nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.rules import Alarm, Rule, alarms, parse
from evaluation.streams import EPISODE_S, AngerStream, build, category, evaluate_nonspeech, noticed
from monitor.analysis import Role
from monitor.events import Emotion
from monitor.labels import LABELS
from stream_server.settings import Settings
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import silence, voice
from vad.endpointing import EndpointingConfig

RULE = parse("angry>0.6 for 1s")


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


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("angry>0.6 for 2s", ("angry", True, 0.6, 2.0)),
        (" arousal >= .75 ", ("arousal", True, 0.75, 0.0)),
        ("neutral<0.1 for 1.5 s", ("neutral", False, 0.1, 1.5)),
    ],
)
def test_rules_are_read(text: str, rule: tuple[str, bool, float, float]) -> None:
    read = parse(text)
    assert (read.score, read.above, read.value, read.hold_s) == rule


@pytest.mark.parametrize(
    "text", ["", "anger>0.6", "angry=0.6", "angry>0.6 for 2", "angry>0.6.1 for 2s", "angry > for 2s"]
)
def test_what_is_no_rule_is_shown_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"angry>0\.6 for 2s|must be numbers"):
        parse(text)


def test_an_alarm_is_raised_once_the_rule_has_held_and_over_when_it_does_not() -> None:
    assert alarms(RULE, course(0.1, 0.7, 0.7, 0.7, 0.9, 0.2, 0.7, 0.7), 5.0) == [Alarm(2.0, 3.0)]


def test_an_alarm_that_stands_ends_with_the_call() -> None:
    assert alarms(RULE, course(0.7, 0.7, 0.7), 9.0) == [Alarm(1.5, 9.0)]


def test_what_cannot_be_read_does_not_hold() -> None:
    assert alarms(RULE, [said(0.5, 0.9), said(1.0, 0.9, usable=False), said(1.5, 0.9), said(2.0, 0.9)], 2.0) == []


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_rule_that_must_hold_longer_never_alarms_more_or_earlier(scores: list[float]) -> None:
    events = course(*scores)
    shorter, longer = (alarms(Rule("", "angry", True, 0.6, hold_s), events, 99.0) for hold_s in (0.5, 1.5))
    assert len(longer) <= len(shorter)
    assert all(any(a.start <= b.start and b.end <= a.end for a in shorter) for b in longer)


def test_episodes_found_missed_and_cried_wolf() -> None:
    stream = AngerStream(np.zeros(16_000 * 60, np.float32), ((10.0, 20.0), (40.0, 50.0)))
    events = course(*[0.9 if 12 <= 0.5 * n <= 18 or 30 <= 0.5 * n < 32 else 0.0 for n in range(1, 121)])
    found = noticed(RULE, [(stream, events)], horizon_s=3.0)
    assert (found["episodes"], found["found"], found["false_alarms"]) == (2, 1, 1)
    assert found["time_to_detect_s_p50"] == pytest.approx(3.0)
    calm_s = 60.0 - 13.0 - 13.0
    assert found["false_alarms_per_hour"] == pytest.approx(3600 / calm_s)
    assert found["share_of_calm_time_in_alarm"] == pytest.approx(1.0 / calm_s)


def test_an_alarm_that_already_stood_counts_as_false_and_finds_at_once() -> None:
    stream = AngerStream(np.zeros(16_000 * 30, np.float32), ((10.0, 20.0),))
    found = noticed(RULE, [(stream, course(*[0.9] * 60))], horizon_s=3.0)
    assert (found["found"], found["time_to_detect_s_p50"], found["false_alarms"]) == (1, 0.0, 1)


def test_anger_comes_in_episodes_with_calm_before_each_and_the_seed_decides_the_order() -> None:
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


def test_silence_has_no_emotion_and_a_buzz_that_passes_for_speech_has_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "quiet" / "a.wav", silence(4.0))
    write_wav(tmp_path / "rain__1.wav", silence(3.0, level=1e-3))
    write_wav(tmp_path / "buzz" / "b.wav", voice(140, 6.0, level=0.9))
    settings = Settings(vad=EndpointingConfig())
    found = evaluate_nonspeech(tmp_path, {Role.EMOTION: ScriptedModel(Role.EMOTION)}, settings)["categories"]
    assert set(found) == {"quiet", "rain", "buzz", "all"}
    assert found["quiet"]["usable"] == found["rain"]["usable"] == 0.0
    assert found["buzz"]["usable"] > 0.7
    assert found["buzz"]["minutes"] == pytest.approx(0.1)
    assert found["all"]["usable"] == pytest.approx(found["buzz"]["usable"] * 6 / 13)


def test_categories_are_folders_or_what_names_begin_with() -> None:
    assert category(Path("/n/music/waltz.ogg"), Path("/n")) == "music"
    assert category(Path("/n/esc/cough__12.ogg"), Path("/n")) == "cough"
    assert category(Path("/n/hum.ogg"), Path("/n")) == "n"
