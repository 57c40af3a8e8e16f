"""Changes of speaker, and which of those found are right."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.changes import changes, matched

TIMES = st.lists(st.integers(0, 40).map(lambda tenth: tenth / 10), max_size=5).map(sorted)


def test_a_change_is_a_turn_of_another_speaker_than_the_turn_before() -> None:
    assert changes([(0.0, "A"), (2.0, "A"), (3.0, "B"), (5.0, "A"), (6.0, "A")]) == [3.0, 5.0]


def test_turns_are_taken_in_the_order_of_their_starts() -> None:
    assert changes([(3.0, "B"), (0.0, "A"), (2.0, "A")]) == [3.0]


@pytest.mark.parametrize("turns", [[], [(1.0, "A")]])
def test_nobody_and_a_single_speaker_make_no_change(turns: list[tuple[float, str]]) -> None:
    assert changes(turns) == []


def test_half_a_second_apart_still_counts_and_more_does_not() -> None:
    assert matched([10.0, 20.0], [10.5, 20.51]) == [(0, 0)]


def test_a_change_is_in_one_pair_at_most() -> None:
    assert matched([10.0], [9.8, 10.1]) == [(0, 0)]


def test_as_many_are_paired_as_can_be_although_the_nearest_would_leave_one_alone() -> None:
    assert matched([1.0, 1.4], [0.6, 1.1]) == [(0, 0), (1, 1)]


@given(TIMES, TIMES)
def test_no_other_pairing_has_more_pairs(expected: list[float], found: list[float]) -> None:
    assert len(matched(expected, found)) == most_pairs(expected, found)


def most_pairs(expected: list[float], found: list[float]) -> int:
    for size in range(min(len(expected), len(found)), 0, -1):
        for some in combinations(expected, size):
            for others in permutations(found, size):
                if all(abs(a - b) <= 0.5 + 1e-6 for a, b in zip(some, others, strict=True)):
                    return size
    return 0
