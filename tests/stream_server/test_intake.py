"""From the bytes of a stream to samples: all of them, whatever the messages, none later than a block is complete."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_server.live.intake import BLOCK_SAMPLES, Intake, parse_parameters
from tests.scripted import pieces
from vad.pcm import Encoding, PcmDecoder, Samples
from vad.resample import Resampler

FORMATS = [
    ("pcm_s16le", 16_000, 1),
    ("pcm_s16le", 16_000, 2),
    ("pcm_f32le", 16_000, 2),
    ("mulaw", 8_000, 1),
    ("alaw", 8_000, 2),
    ("pcm_s16le", 44_100, 1),
    ("pcm_s16le", 48_000, 2),
]
Format = tuple[str, int, int]
SLACK_SAMPLES = 2
"""A resampler's output is now and then a sample ahead of its share of the input, or behind it."""


def intake_of(form: Format) -> Intake:
    encoding, rate_hz, channels = form
    query = {"encoding": encoding, "sample_rate": str(rate_hz), "channels": str(channels)}
    return Intake(parse_parameters(query | ({"roles": "customer,agent"} if channels == 2 else {})))


def noise(form: Format, seconds: float) -> bytes:
    encoding, rate_hz, channels = form
    rng, count = np.random.default_rng(1), round(seconds * rate_hz) * channels
    if encoding == "pcm_f32le":
        return rng.uniform(-1, 1, count).astype("<f4").tobytes()
    return rng.integers(0, 256, count * (2 if encoding == "pcm_s16le" else 1)).astype(np.uint8).tobytes()


def second_bytes(form: Format) -> int:
    return len(noise(form, 1.0))


def gathered(intake: Intake, message: bytes) -> bool:
    """Take in a message; whether it is time to give."""
    due = intake.due(len(message))
    intake.gather(message)
    return due


class Plain:
    """What there would be to give if every message went through decoder and resampler at once."""

    def __init__(self, form: Format) -> None:
        encoding, rate_hz, channels = form
        self._decoder = PcmDecoder(Encoding(encoding), channels)
        self._resamplers = [Resampler(rate_hz) for _ in range(channels)]

    def feed(self, message: bytes) -> list[Samples]:
        planar = self._decoder.feed(message)
        return [resampler.feed(plane) for resampler, plane in zip(self._resamplers, planar, strict=True)]

    def flush(self) -> list[Samples]:
        return [resampler.flush() for resampler in self._resamplers]


def taken_in(form: Format, messages: Iterable[bytes], grain: int = BLOCK_SAMPLES) -> tuple[list[Samples], int]:
    """The samples of a whole stream per channel, and the odd bytes at its end."""
    intake = intake_of(form)
    parts = [intake.give(grain) for message in messages if gathered(intake, message)]
    rest, odd = intake.flush()
    return [np.concatenate(planes) for planes in zip(*parts, rest, strict=True)], odd


def given_at(form: Format, messages: Iterable[bytes], grain: int) -> tuple[list[int], list[int], list[int]]:
    """Positions in 16 kHz samples: those at which the intake gave; those at which a multiple of `grain` was newly
    complete; and by how many samples one was complete already where nothing was given."""
    intake, plain = intake_of(form), Plain(form)
    intake.give(grain)
    there = given = 0
    gave, complete, missed = [], [], []
    for message in messages:
        there += len(plain.feed(message)[0])
        is_complete = there // grain > given // grain
        if is_complete:
            complete.append(there)
        if gathered(intake, message):
            given += len(intake.give(grain)[0])
            assert given == there
            gave.append(given)
        elif is_complete:
            missed.append(there % grain)
    return gave, complete, missed


@pytest.mark.parametrize("form", FORMATS, ids=str)
@given(sizes=st.lists(st.integers(0, 20_000), max_size=40), grain_blocks=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_any_messages_give_the_same_samples(form: Format, sizes: list[int], grain_blocks: int) -> None:
    data, plain = noise(form, 1.3), Plain(form)
    whole = [np.concatenate(pair) for pair in zip(plain.feed(data), plain.flush(), strict=True)]
    planes, odd = taken_in(form, pieces(data, sizes), grain_blocks * BLOCK_SAMPLES)
    assert (len(planes), odd) == (form[2], 0)
    for one, other in zip(planes, whole, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("grain", [BLOCK_SAMPLES, 5 * BLOCK_SAMPLES])
@pytest.mark.parametrize("message_ms", [10, 20, 30, 50, 100, 130, 400])
@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_samples_are_given_with_the_message_that_completes_a_block(form: Format, message_ms: int, grain: int) -> None:
    size = second_bytes(form) * message_ms // 1000
    gave, complete, missed = given_at(form, [noise(form, 4.0)[:size]] * (4000 // message_ms), grain)
    assert missed == []
    assert len(complete) > 4
    early = [position for position in gave if position not in complete]
    assert len(early) <= (form[1] != 16_000)  # how much a resampler holds back is known once it has


@pytest.mark.parametrize("form", FORMATS, ids=str)
@given(sizes=st.lists(st.integers(1, 7_000), max_size=60), grain_blocks=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_no_samples_wait_longer_than_for_a_block_whatever_the_messages(
    form: Format, sizes: list[int], grain_blocks: int
) -> None:
    _, complete, missed = given_at(form, pieces(noise(form, 2.0), sizes), grain_blocks * BLOCK_SAMPLES)
    assert complete
    assert max(missed, default=0) <= SLACK_SAMPLES


def test_at_16_khz_samples_are_given_exactly_at_multiples_of_the_grain() -> None:
    form = FORMATS[0]
    messages = [noise(form, 0.02)] * 100
    assert given_at(form, messages, BLOCK_SAMPLES)[0] == list(range(1_600, 32_001, 1_600))
    assert given_at(form, messages, 4_000)[0] == [4_160, 8_000, 12_160, 16_000, 20_160, 24_000, 28_160, 32_000]


def test_the_first_block_is_given_whatever_comes_later() -> None:
    intake = intake_of(FORMATS[0])
    assert [gathered(intake, bytes(size)) for size in (1600, 1598, 2)] == [False, False, True]
    assert len(intake.give(5 * BLOCK_SAMPLES)[0]) == BLOCK_SAMPLES
    assert [gathered(intake, bytes(3200)) for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(("form", "odd"), [(FORMATS[0], 1), (FORMATS[1], 3), (FORMATS[2], 7), (FORMATS[4], 1)], ids=str)
def test_the_end_gives_the_rest_and_counts_odd_bytes(form: Format, odd: int) -> None:
    data = noise(form, 0.25)
    planes, counted = taken_in(form, pieces(data + bytes(odd), [len(data) // 5] * 3))
    assert counted == odd
    assert [len(plane) for plane in planes] == [4_000] * form[2]


def test_a_stream_without_a_byte_has_no_samples() -> None:
    for form in FORMATS:
        planes, odd = taken_in(form, [])
        assert ([len(plane) for plane in planes], odd) == ([0] * form[2], 0)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_the_position_is_that_of_the_wire_also_of_what_was_not_given(form: Format) -> None:
    intake = intake_of(form)
    for at in range(1, 8):
        intake.gather(noise(form, 0.05))
        assert intake.position_s == pytest.approx(0.05 * at, abs=1e-9)


def test_what_is_not_finite_is_counted_once_it_is_given() -> None:
    intake = intake_of(("pcm_f32le", 16_000, 1))
    intake.gather(np.array([np.nan, 0, np.inf], "<f4").tobytes())
    assert intake.not_finite_samples == 0
    assert intake.give()[0].tolist() == [0, 0, 0]
    assert intake.not_finite_samples == 2
