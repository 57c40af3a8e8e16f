"""Whether a voice is that of someone who is known. Voices are drawn as the model's cosines say they lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from monitor.gallery import LEAST_COHORT, MOST_COHORT, Gallery, Person, RecognitionConfig, unit

SIZE = 48
SPEC = SpeakerSpec("model", "none", 24_000, SIZE, 0.6, 0.12, 0.0, 1 / math.sqrt(SIZE))
rng = np.random.default_rng(5)
SPEAKERS = unit(rng.standard_normal((200, SIZE)))


def heard(speaker: int, windows: int, seed: int) -> NDArray[np.float32]:
    """The mean of so many windows of a speaker: of two single ones the cosine is about 0.6."""
    noise = np.random.default_rng([speaker, seed]).standard_normal((windows, SIZE)) / math.sqrt(SIZE)
    return unit(math.sqrt(0.6) * SPEAKERS[speaker] + math.sqrt(0.4) * noise).mean(axis=0).astype(np.float32)


def people(count: int) -> list[Person]:
    return [Person(f"P{speaker}", heard(speaker, 8, 0), 8.0) for speaker in range(count)]


@pytest.mark.parametrize("cohort", [None, np.array([heard(speaker, 4, 0) for speaker in range(100, 200)])])
def test_those_who_are_known_are_named_and_strangers_are_not(cohort: NDArray[np.float32] | None) -> None:
    gallery = Gallery(SPEC, people(20), cohort)
    own = [gallery.identify(heard(speaker, 4, 1), 4.0) for speaker in range(20)]
    strangers = [gallery.identify(heard(speaker, 4, 1), 4.0) for speaker in range(20, 100)]
    assert [each.name for each in own if each is not None] == [f"P{speaker}" for speaker in range(20)]
    assert sum(each is not None for each in strangers) <= 2


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 99), st.floats(0.01, 100))
def test_probabilities_leave_room_for_a_stranger_and_length_does_not_matter(
    count: int, speaker: int, length: float
) -> None:
    gallery = Gallery(SPEC, people(count))
    found = gallery.candidates(heard(speaker, 3, 2), 3.0)
    assert 0 < sum(candidate.probability for candidate in found) <= 1
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
    longer = gallery.candidates(heard(speaker, 3, 2) * np.float32(length), 3.0)
    assert [each.name for each in longer] == [each.name for each in found]


def test_the_more_people_are_known_the_less_sure_the_same_cosine_is() -> None:
    voice = heard(0, 3, 3)
    chances = [Gallery(SPEC, people(count)).candidates(voice, 3.0)[0].probability for count in (1, 5, 25)]
    assert chances == sorted(chances, reverse=True)


def test_who_is_seldom_known_is_seldom_named() -> None:
    voice = heard(0, 3, 3)
    chances = [
        Gallery(SPEC, people(5), config=RecognitionConfig(known_share=share)).candidates(voice, 3.0)[0].probability
        for share in (0.05, 0.5, 0.95)
    ]
    assert chances == sorted(chances)


def test_who_was_named_stays_so_until_it_is_less_likely_than_not() -> None:
    gallery = Gallery(SPEC, people(10), config=RecognitionConfig(certainty=0.999))
    voice = next(
        voice
        for seed in range(200)
        if 0.5 <= gallery.candidates(voice := heard(0, 1, seed), 1.0)[0].probability < 0.999
    )
    named = gallery.candidates(voice, 1.0)[0].name
    assert gallery.identify(voice, 1.0) is None
    kept = gallery.identify(voice, 1.0, named)
    assert kept is not None
    assert kept.name == named
    assert gallery.identify(voice, 1.0, "P9" if named != "P9" else "P8") is None


def test_nobody_is_named_where_nobody_is_known() -> None:
    gallery = Gallery(SPEC, [])
    assert len(gallery) == 0
    assert gallery.candidates(heard(0, 3, 0), 3.0) == []
    assert gallery.identify(heard(0, 3, 0), 3.0) is None


def test_enough_people_stand_for_strangers_to_each_other() -> None:
    assert not Gallery(SPEC, people(LEAST_COHORT)).normalised
    many = Gallery(SPEC, people(LEAST_COHORT + 1))
    assert many.normalised
    assert [many.candidates(heard(speaker, 4, 1), 4.0)[0].name for speaker in range(5)] == [
        "P0",
        "P1",
        "P2",
        "P3",
        "P4",
    ]


def test_thousands_of_people_cost_no_more_memory_than_the_cohort_is_long() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((MOST_COHORT + 500, SIZE))).astype(np.float32)
    gallery = Gallery(SPEC, [Person(f"P{number}", vector, 8.0) for number, vector in enumerate(vectors)])
    assert gallery.candidates(vectors[-1], 8.0)[0].name == f"P{len(vectors) - 1}"
    assert gallery.candidates(vectors[0], 8.0)[0].name == "P0"


def test_a_cohort_that_is_too_small_is_not_used() -> None:
    few = np.array([heard(speaker, 4, 0) for speaker in range(100, 100 + LEAST_COHORT - 1)])
    assert not Gallery(SPEC, people(3), few).normalised


def test_where_everyone_sounds_alike_a_cohort_keeps_strangers_from_being_named() -> None:
    """All cosines of a bad line are higher than the model's: a part of every embedding is the line's."""
    line = unit(np.random.default_rng(9).standard_normal(SIZE))

    def through(speaker: int, windows: int, seed: int) -> NDArray[np.float32]:
        return (unit(heard(speaker, windows, seed)) + 1.2 * line).astype(np.float32)

    known = [Person(f"P{speaker}", through(speaker, 8, 0), 8.0) for speaker in range(5)]
    cohort = np.array([through(speaker, 8, 0) for speaker in range(100, 200)])
    named = {
        name: sum(gallery.identify(through(speaker, 4, 1), 4.0) is not None for speaker in range(20, 100))
        for name, gallery in {"without": Gallery(SPEC, known), "with": Gallery(SPEC, known, cohort)}.items()
    }
    assert named["with"] < named["without"]
