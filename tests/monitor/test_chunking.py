"""Chunking never changes the events, and neither does when or in which order the models answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.events import Emotion, SpeakerChanged, SpeechStarted
from tests.scripted import JUDGED, SPECS, by_type_and_channel, conversation, events_of, known_voices, of
from vad.pcm import Encoding, PcmDecoder
from vad.resample import Resampler

WHOLE = 10**9


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return conversation()


@pytest.mark.parametrize("specs", [SPECS, JUDGED], ids=["gate alone", "judge behind the gate"])
@pytest.mark.parametrize("chunk", [320, 333, 1600, WHOLE])
def test_chunks_of_any_size_give_equal_events(audio: np.ndarray, chunk: int, specs) -> None:
    reference = events_of(audio, 160, specs)
    assert len(of(reference, Emotion)) > 30
    assert len(of(reference, SpeakerChanged)) >= 3
    assert by_type_and_channel(events_of(audio, chunk, specs)) == by_type_and_channel(reference)


def test_one_sample_at_a_time_gives_equal_events(audio: np.ndarray) -> None:
    short = audio[: 16_000 * 5]
    assert by_type_and_channel(events_of(short, 1)) == by_type_and_channel(events_of(short, WHOLE))


@pytest.mark.parametrize("specs", [SPECS, JUDGED], ids=["gate alone", "judge behind the gate"])
@pytest.mark.parametrize("hold", [3, 17])
def test_late_answers_in_reverse_order_give_equal_events(audio: np.ndarray, hold: int, specs) -> None:
    late = events_of(audio, 1600, specs, hold=hold)
    assert by_type_and_channel(late) == by_type_and_channel(events_of(audio, 1600, specs))


def test_stereo_gives_equal_events_in_one_order(audio: np.ndarray) -> None:
    stereo = np.stack([audio, np.roll(audio, 40_000)])
    runs = [events_of(stereo, chunk, roles=("customer", "agent")) for chunk in (320, 1600, WHOLE)]
    assert by_type_and_channel(runs[0]) == by_type_and_channel(runs[1]) == by_type_and_channel(runs[2])
    assert len(of(runs[0], SpeakerChanged)) > 4
    assert {event.channel for event in of(runs[0], SpeechStarted)} == {0, 1}


def test_names_of_parties_depend_on_neither_chunks_nor_late_answers(audio: np.ndarray) -> None:
    stereo = np.stack([audio, np.roll(audio, 40_000)])
    runs = [
        events_of(stereo, chunk, roles=("customer", "agent"), hold=hold, gallery=known_voices())
        for chunk, hold in ((320, 0), (1600, 0), (1600, 17), (WHOLE, 0))
    ]
    assert any(event.name for event in of(runs[0], SpeakerChanged) if isinstance(event, SpeakerChanged))
    for run in runs[1:]:
        assert by_type_and_channel(run) == by_type_and_channel(runs[0])


def test_one_channel_far_ahead_of_the_other_gives_equal_events(audio: np.ndarray) -> None:
    from monitor.session import Session
    from tests.scripted import Driver

    stereo = np.stack([audio, np.roll(audio, 40_000)])
    roles = ("customer", "agent")
    driver = Driver(Session("call", roles, SPECS, transport="test"))
    driver.feed(stereo[1], 1)
    driver.feed(stereo[0], 0)
    assert by_type_and_channel(driver.finish()) == by_type_and_channel(events_of(stereo, 1600, roles=roles))


def test_an_answer_that_depended_on_chunking_would_be_found(audio: np.ndarray) -> None:
    """The comparison sees a difference of one frame."""
    assert by_type_and_channel(events_of(audio, 1600)) != by_type_and_channel(events_of(audio[320:], 1600))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_bytes_cut_anywhere_give_equal_events_through_the_resampler(audio: np.ndarray, rate_hz: int) -> None:
    import soxr

    wire = (soxr.resample(audio[: 16_000 * 8], 16_000, rate_hz) * 32_767).astype("<i2").tobytes()

    def through(step: int) -> np.ndarray:
        decoder, resampler = PcmDecoder(Encoding.PCM_S16LE, 1), Resampler(rate_hz)
        parts = [resampler.feed(decoder.feed(wire[at : at + step])[0]) for at in range(0, len(wire), step)]
        return np.concatenate([*parts, resampler.flush()])

    whole = through(WHOLE)
    for step in (71, 641, 3200):
        np.testing.assert_array_equal(through(step), whole)
    assert by_type_and_channel(events_of(through(641), 320)) == by_type_and_channel(events_of(whole, WHOLE))


def test_a_real_call_gives_equal_events(recordings: Path) -> None:
    import soundfile

    real, _ = soundfile.read(recordings / "conversations" / "two_speakers_30s.flac", dtype="float32")
    assert by_type_and_channel(events_of(real, 320)) == by_type_and_channel(events_of(real, WHOLE, hold=5))
