"""What voiceprints are made of, and what they are not made of."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.workbench.scripted import CLEAN, SPEAKERS, SPEC, spoken
from workbench.enrolment import EnrolmentError, portray
from workbench.sentences import say


def test_several_recordings_are_averaged_and_come_nearer_to_the_speaker() -> None:
    voices = [spoken(3, seed) for seed in range(5)]
    portrait = portray(voices, SPEC)
    assert np.linalg.norm(portrait.vector) == pytest.approx(1.0)
    assert portrait.vector @ SPEAKERS[3] > max(voice.vector @ SPEAKERS[3] for voice in voices)
    assert (portrait.recordings, portrait.speech_s, portrait.windows) == (5, 25.0, 20.0)
    assert portrait.problems == ()


def test_too_little_speech_is_refused_with_what_would_help() -> None:
    short = msgspec.structs.replace(CLEAN, speech_s=1.0)
    with pytest.raises(EnrolmentError, match=r"2\.0 s of speech in 2 recording"):
        portray([spoken(3, 0, quality=short), spoken(3, 1, quality=short)], SPEC)
    with pytest.raises(EnrolmentError, match=r"0\.0 s of speech in 0"):
        portray([], SPEC)


def test_a_recording_of_someone_else_is_found() -> None:
    with pytest.raises(EnrolmentError, match=r"stranger.wav sounds like someone else"):
        portray([spoken(3), spoken(3, 1), spoken(4, name="stranger.wav"), spoken(3, 2)], SPEC)


def test_recordings_of_another_model_are_refused() -> None:
    with pytest.raises(EnrolmentError, match="embedded by another"):
        portray([spoken(3), replace(spoken(3, 1), model="another")], SPEC)


def test_what_makes_it_less_sure_is_kept() -> None:
    noisy = msgspec.structs.replace(CLEAN, problems=(say("voice.noisy", snr_db=4.0),))
    problems = portray([spoken(3, quality=noisy)], SPEC).problems
    assert [each.key for each in problems] == ["enrolment.recording", "enrolment.short", "enrolment.single"]
    assert problems[0].values.keys() >= {"problem_key", "snr_db"}, "so that a page can say the problem in its own words"
