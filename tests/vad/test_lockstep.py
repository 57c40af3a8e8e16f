"""Several channels become one order that does not depend on how they came in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import LoudnessGate, loud, quiet
from vad.cuts import Cutting
from vad.endpointing import Closed, EndpointingConfig, Opened
from vad.grid import FRAME_SAMPLES
from vad.listener import Listener
from vad.lockstep import Happened, Lockstep

ENDPOINTING = EndpointingConfig("cascade", onset=0.5, offset=0.1, onset_s=0.2, hangover_s=0.4)
LEFT = np.concatenate([quiet(60), loud(60), quiet(280)])
RIGHT = np.concatenate([quiet(50), loud(100), quiet(250)])


@pytest.fixture(autouse=True)
def scripted_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad.listener.WebrtcDetector", LoudnessGate)


def lockstep(channels: int = 2, *, judged: bool = False) -> Lockstep:
    return Lockstep([Listener(ENDPOINTING, Cutting(25, 150), 5 if judged else 0) for _ in range(channels)])


def edges(happened: list[Happened]) -> list[Happened]:
    return [each for each in happened if isinstance(each[1], (Opened, Closed))]


ORDER = [(1, Opened(50, 55)), (0, Opened(60, 65)), (0, Closed(60, 120, 139)), (1, Closed(50, 150, 169))]


def test_what_occurs_on_several_channels_comes_in_the_order_of_frames() -> None:
    ears = lockstep()
    assert edges(ears.feed(0, LEFT) + ears.feed(1, RIGHT)) == ORDER


def test_of_one_frame_the_first_channel_comes_first() -> None:
    ears = lockstep()
    happened = ears.feed(1, LEFT) + ears.feed(0, LEFT)
    assert [channel for channel, _ in edges(happened)] == [0, 1, 0, 1]


def test_nothing_is_released_before_the_other_channel_was_heard_as_far() -> None:
    ears = lockstep()
    assert ears.feed(0, LEFT) == []
    assert edges(ears.feed(1, RIGHT[: 100 * FRAME_SAMPLES])) == ORDER[:2]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40_000)), max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_order_does_not_depend_on_which_channel_is_ahead(pieces: list[tuple[bool, int]]) -> None:
    ears, rest, out = lockstep(), [LEFT, RIGHT], []
    for right, size in pieces:
        out += ears.feed(right, rest[right][:size])
        rest[right] = rest[right][size:]
    assert edges(out + ears.feed(0, rest[0]) + ears.feed(1, rest[1])) == ORDER


def test_at_the_end_a_channel_that_stopped_early_holds_nothing_back() -> None:
    ears = lockstep()
    held = ears.feed(0, LEFT) + ears.feed(1, quiet(10))
    assert edges(held) == []
    assert edges(ears.finish()) == [(0, Opened(60, 65)), (0, Closed(60, 120, 139))]


def test_it_is_done_once_all_channels_are_finished_and_judged() -> None:
    ears = lockstep(judged=True)
    ears.feed(0, loud(5))
    ears.feed(1, quiet(5))
    ears.finish()
    assert not ears.done
    ((channel, (frame, _, _)),) = ears.take_unjudged()
    ears.judge(channel, frame, bytes([255] * 5))
    assert ears.done


def test_a_live_channel_is_not_done_although_nothing_waits() -> None:
    ears = lockstep(1)
    ears.feed(0, quiet(100))
    assert not ears.done


def test_the_length_is_that_of_the_longest_channel() -> None:
    ears = lockstep()
    ears.feed(0, quiet(10))
    ears.gap(1, 7_000)
    assert ears.received_samples == 7_000
