"""Where speech is in a file is where a live call would find it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.loading import silero
from inference.silero import SileroJudge
from monitor.analysis import Specs, SpeechAnalysis
from monitor.events import SpeechEnded
from monitor.session import Session
from tests.scripted import of
from tests.workbench.sounds import samples_of
from vad.endpointing import EndpointingConfig
from vad.grid import FRAME_S, FRAME_SAMPLES
from vad.pcm import Samples
from workbench import offline
from workbench.speech import Questions, SpeechTrack, levels

CONFIG = EndpointingConfig()


@pytest.fixture(scope="module")
def judge() -> SileroJudge:
    return silero("cpu")


def track_of(audio: Samples, judge: SileroJudge, block: int = 48_000) -> SpeechTrack:
    track, questions = SpeechTrack(CONFIG), Questions()
    audio = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES]
    for at in range(0, len(audio), block):
        piece = audio[at : at + block]
        answers = [answer for answer in judge.analyse(questions.ask(piece)) if isinstance(answer, SpeechAnalysis)]
        track.feed(levels(piece, answers))
    track.finish()
    return track


def heard_live(audio: Samples, judge: SileroJudge) -> list[tuple[float, float]]:
    session = Session("call", ("mixed",), Specs(speech=judge.spec), transport="test")
    blocks = (audio[None, at : at + 8000] for at in range(0, len(audio), 8000))
    events = list(offline.run(session, blocks, {judge.role: judge}))
    return [(event.start_s, event.t) for event in of(events, SpeechEnded) if isinstance(event, SpeechEnded)]


@pytest.mark.parametrize("name", ["two_speakers_30s", "ami_trn03", "auto_repairs_40"])
def test_segments_are_those_of_a_live_call(name: str, recordings: Path, judge: SileroJudge) -> None:
    audio = samples_of(recordings / "conversations" / f"{name}.flac")[: 60 * 16_000 + 700]
    found = track_of(audio, judge)
    assert found.segments
    expected = heard_live(audio, judge)
    assert [(start * FRAME_S, end * FRAME_S) for start, end in found.segments] == [
        pytest.approx(each) for each in expected
    ]


def test_how_a_file_is_cut_into_blocks_does_not_matter(recordings: Path, judge: SileroJudge) -> None:
    audio = samples_of(recordings / "conversations" / "ami_trn04.flac")[: 20 * 16_000]
    one, other = track_of(audio, judge), track_of(audio, judge, 1600)
    assert one.segments == other.segments
    np.testing.assert_array_equal(one.speech(), other.speech())


def test_digital_silence_is_no_speech_whatever_the_judge_says() -> None:
    answers = [SpeechAnalysis(bytes([255] * 10))]
    assert levels(np.zeros(3200, np.float32), answers) == bytes(10)
    assert levels(np.full(3200, 0.1, np.float32), answers) == bytes([255] * 10)


LEVELS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 90, 130, 255])), max_size=12)


def stretched(runs: list[tuple[int, int]]) -> bytes:
    return b"".join(bytes([level]) * count for count, level in runs)


@settings(max_examples=200, deadline=None)
@given(LEVELS, st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_what_is_settled_does_not_change_and_chunks_do_not_matter(
    runs: list[tuple[int, int]], sizes: list[int]
) -> None:
    given_levels = stretched(runs)
    whole = SpeechTrack(CONFIG)
    whole.feed(given_levels)
    whole.finish()
    pieces, at, number = SpeechTrack(CONFIG), 0, 0
    final = whole.speech()
    while at < len(given_levels):
        size = sizes[number % len(sizes)]
        pieces.feed(given_levels[at : at + size])
        at, number = at + size, number + 1
        np.testing.assert_array_equal(pieces.speech()[: pieces.settled], final[: pieces.settled])
        start = min(3, pieces.frames)
        np.testing.assert_array_equal(pieces.speech(start), pieces.speech()[start:])
    pieces.finish()
    assert pieces.segments == whole.segments
    np.testing.assert_array_equal(pieces.speech(), final)
    assert pieces.settled == len(given_levels)
