"""Which windows form the next batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.queueing import Ticket, WindowQueue
from monitor.analysis import Role, Window

NOTHING = np.zeros(0, np.float32)


def ticket(
    owner: str, number: int, *, arrived_s: float = 0.0, patience_s: float | None = 0.5, channel: int = 0
) -> Ticket:
    return Ticket(owner, Window(number, Role.EMOTION, channel, 0, NOTHING), arrived_s, patience_s)


def queue(*tickets: Ticket, capacity: int = 100) -> WindowQueue:
    made = WindowQueue(capacity)
    for each in tickets:
        made.put(each)
    return made


def names(tickets: list[Ticket]) -> list[str]:
    return [f"{each.owner}{each.window.number}" for each in tickets]


def test_an_empty_queue_gives_an_empty_batch() -> None:
    assert queue().take(8, 0.0) == ([], [])


def test_calls_take_turns() -> None:
    waiting = queue(*(ticket("a", n) for n in (1, 2, 3)), ticket("b", 1), ticket("c", 1), ticket("c", 2))
    assert names(waiting.take(10, 0.0)[0]) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_turns_go_on_from_batch_to_batch() -> None:
    waiting = queue(*(ticket(owner, n) for owner in "abc" for n in (1, 2)))
    batches = [names(waiting.take(2, 0.0)[0]) for _ in range(3)]
    assert batches == [["a1", "b1"], ["c1", "a2"], ["b2", "c2"]]


def test_a_newcomer_is_not_behind_the_backlog_of_another() -> None:
    waiting = queue(*(ticket("a", n) for n in range(50)))
    waiting.take(1, 0.0)
    waiting.put(ticket("b", 1))
    assert "b1" in names(waiting.take(2, 0.0)[0])


def test_a_batch_is_no_larger_than_asked_for() -> None:
    waiting = queue(*(ticket("a", n) for n in range(5)))
    assert len(waiting.take(3, 0.0)[0]) == 3
    assert len(waiting) == 2


OPERATIONS = st.lists(st.one_of(st.sampled_from("abcd"), st.integers(1, 5)), max_size=60)


@given(OPERATIONS)
@settings(max_examples=60, deadline=None)
def test_the_windows_of_a_call_come_in_order_and_every_one_once(operations: list[str | int]) -> None:
    waiting, put, taken = WindowQueue(1_000), [], []
    for number, operation in enumerate(operations):
        if isinstance(operation, str):
            put.append(ticket(operation, number))
            waiting.put(put[-1])
        else:
            taken += waiting.take(operation, 0.0)[0]
        assert len(waiting) == len(put) - len(taken)
    taken += waiting.take(1_000, 0.0)[0]
    for owner in "abcd":
        assert [t for t in taken if t.owner == owner] == [t for t in put if t.owner == owner]


@given(st.lists(st.sampled_from("abc"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_queue_never_holds_more_than_its_capacity(owners: list[str]) -> None:
    waiting, displaced = WindowQueue(7), 0
    for number, owner in enumerate(owners):
        displaced += waiting.put(ticket(owner, number)) is not None
        assert len(waiting) <= 7
    assert displaced == max(0, len(owners) - 7)


def test_when_full_the_owner_with_most_gives_up_its_oldest() -> None:
    waiting = queue(ticket("a", 1), ticket("b", 1), ticket("b", 2), ticket("c", 1), capacity=4)
    displaced = waiting.put(ticket("a", 2))
    assert displaced is not None
    assert names([displaced]) == ["b1"]
    assert sorted(names(waiting.take(9, 0.0)[0])) == ["a1", "a2", "b2", "c1"]


def test_with_room_nobody_gives_way() -> None:
    assert queue(ticket("a", 1), capacity=2).put(ticket("a", 2)) is None


def test_a_live_window_that_was_overtaken_is_skipped() -> None:
    waiting = queue(ticket("a", 1, arrived_s=0.0), ticket("a", 2, arrived_s=0.5))
    batch, skipped = waiting.take(8, 0.6)
    assert (names(batch), names(skipped)) == (["a2"], ["a1"])


def test_a_late_window_is_not_skipped_while_it_is_the_newest() -> None:
    assert names(queue(ticket("a", 1)).take(8, 60.0)[0]) == ["a1"]


def test_a_newer_window_of_another_channel_overtakes_nothing() -> None:
    waiting = queue(ticket("a", 1, channel=0), ticket("a", 2, channel=1))
    assert names(waiting.take(8, 60.0)[0]) == ["a1", "a2"]


def test_a_newer_window_of_another_call_overtakes_nothing() -> None:
    waiting = queue(ticket("a", 1), ticket("b", 2))
    assert names(waiting.take(8, 60.0)[0]) == ["a1", "b2"]


@pytest.mark.parametrize(("now_s", "skipped"), [(0.5, []), (0.51, ["a1"])])
def test_a_live_window_may_wait_as_long_as_its_patience(now_s: float, skipped: list[str]) -> None:
    waiting = queue(ticket("a", 1, arrived_s=0.0), ticket("a", 2, arrived_s=0.4))
    assert names(waiting.take(8, now_s)[1]) == skipped


def test_a_patient_window_is_never_skipped() -> None:
    waiting = queue(*(ticket("a", n, patience_s=None) for n in (1, 2, 3)))
    assert waiting.take(8, 1e6)[1] == []


def test_skipped_windows_do_not_use_up_the_batch() -> None:
    waiting = queue(*(ticket("a", n) for n in range(6)), ticket("b", 1))
    batch, skipped = waiting.take(2, 60.0)
    assert (names(batch), len(skipped)) == (["b1", "a5"], 5)


def test_the_windows_of_an_owner_who_left_are_dropped() -> None:
    waiting = queue(ticket("a", 1), ticket("b", 1), ticket("a", 2))
    assert names(waiting.drop("a")) == ["a1", "a2"]
    assert (len(waiting), names(waiting.take(8, 0.0)[0])) == (1, ["b1"])


def test_nobody_unknown_is_dropped() -> None:
    waiting = queue(ticket("a", 1))
    assert waiting.drop("z") == []
    assert len(waiting) == 1


def test_when_full_a_patient_window_neither_gives_way_nor_takes_a_place() -> None:
    waiting = queue(ticket("a", 1, patience_s=None), ticket("b", 1), capacity=2)
    assert waiting.put(ticket("a", 2, patience_s=None)) is None
    displaced = waiting.put(ticket("c", 1))
    assert displaced is not None
    assert names([displaced]) == ["b1"]


def test_the_oldest_live_window_is_known_whoever_else_is_patient() -> None:
    waiting = WindowQueue(10)
    assert waiting.oldest_s() is None
    window = Window(1, Role.EMOTION, 0, 0, np.zeros(1, np.float32))
    waiting.put(Ticket("patient", window, 1.0, None))
    assert waiting.oldest_s() is None
    waiting.put(Ticket("live", window, 3.0, 0.5))
    waiting.put(Ticket("earlier", window, 2.0, 0.5))
    assert waiting.oldest_s() == 2.0
