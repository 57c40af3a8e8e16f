"""What callers plan, and what is cut for them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.caller import Wire
from benchmarks.crowd import KEPT_FAULTS, SECONDS, SPEEDS, Manner, Place, Plan, Tally, plan


@given(st.integers(), st.floats(0.5, 600.0))
def test_a_cut_lies_within_the_recording_and_has_5_to_30_s_of_it(seed: int, recording_s: float) -> None:
    planned = plan(random.Random(seed), recording_s)
    assert planned.start_s >= 0.0
    assert planned.start_s + planned.seconds <= recording_s + 1e-9
    assert min(SECONDS[0], recording_s) <= planned.seconds <= SECONDS[1]
    assert planned.speed in SPEEDS


def test_every_manner_comes_up_and_the_polite_one_most() -> None:
    dice = random.Random(0)
    manners = [plan(dice, 60.0).manner for _ in range(500)]
    assert set(manners) == set(Manner)
    assert max(Manner, key=manners.count) is Manner.POLITE


def test_the_same_dice_plan_the_same() -> None:
    assert plan(random.Random(3), 100.0) == plan(random.Random(3), 100.0)


def test_a_cut_holds_whole_samples_of_its_own_seconds() -> None:
    place = Place("http://127.0.0.1:1", Wire(), bytes(32_000 * 20))
    assert place.recording_s == 20.0
    cut = place.cut(Plan(1.00001, 6.50003, 1.0, Manner.POLITE))
    assert len(cut) % 2 == 0
    assert abs(len(cut) / 32_000 - 6.5) < 0.001


def test_all_faults_are_counted_and_the_first_kept_in_words() -> None:
    tally = Tally()
    for number in range(100):
        tally.fault(f"fault {number}")
    assert tally.faults == 100
    assert tally.fault_reasons == [f"fault {number}" for number in range(KEPT_FAULTS)]
