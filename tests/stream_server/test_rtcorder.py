"""RTP packets come out in order, once, and none is waited for for long."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from stream_server.webrtc.order import WRAP, PacketOrder

MOST = 4


def through(numbers: list[int], order: PacketOrder[int] | None = None) -> list[int]:
    order = order or PacketOrder(MOST)
    return [out for number in numbers if (out := order.add(number % WRAP, number)) is not None]


def test_what_comes_in_order_goes_on_at_once() -> None:
    order: PacketOrder[int] = PacketOrder(MOST)
    assert [order.add(number, number) for number in range(10)] == list(range(10))


def test_what_is_swapped_is_put_in_order() -> None:
    assert through([0, 2, 1, 3, 5, 6, 4, 7, 8, 9]) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_what_is_missing_is_given_up_once_enough_wait_behind_it() -> None:
    order: PacketOrder[int] = PacketOrder(MOST)
    assert [order.add(number, number) for number in (0, 2, 3, 4, 5, 6)] == [0, None, None, None, 2, 3]


def test_what_comes_twice_or_too_late_is_dropped() -> None:
    """A late one is a chance for those that wait: so much less do they wait from then on."""
    assert through([0, 0, 1, 1, 3, 4, 5, 6, 2, 7, 8, 9, 10]) == [0, 1, 3, 4, 5, 6, 7, 8]


def test_a_sender_that_counts_anew_is_followed() -> None:
    assert through([1000, 1001, 5, 6, 7]) == [1000, 1001, 5, 6, 7]
    assert through([5, 6, 30_000, 30_001, 30_002, 30_003, 30_004]) == [5, 6, 30_000, 30_001]


@given(st.integers(0, WRAP - 1), st.sets(st.integers(1, 199)), st.randoms(use_true_random=False))
def test_whatever_is_lost_or_swapped_order_holds_and_no_more_than_that_is_lost(
    first: int, lost: set[int], chance: Random
) -> None:
    sent = [n for n in range(200) if n not in lost]
    for at in range(1, len(sent) - 1, 2):
        if chance.random() < 0.3:
            sent[at], sent[at + 1] = sent[at + 1], sent[at]
    out = [each - first for each in through([n + first for n in sent])]
    assert out == sorted(set(out))
    assert len(sent) - len(out) < MOST
