"""What can be said of a span, and how far to trust it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.analysis import EmotionSpec
from monitor.labels import LABELS
from monitor.reading import Reading, read, unusable
from monitor.timeline import Span

SPEC = EmotionSpec("m", "none", 48_000, ("angry", "happy", "neutral", "sad"), medium_from=0.5, high_from=0.7)
EVERYTHING = EmotionSpec("m", "none", 48_000, LABELS)
FRAMES = 100


def span(frames: int = FRAMES, arousal: float = 0.0, **logits: float) -> Span:
    """A span whose mean frame logits are `logits`, 0 where none is given."""
    return Span(np.array([logits.get(label, 0.0) * frames for label in LABELS]), arousal * frames, frames)


def reading(*, spec: EmotionSpec = SPEC, snr_db: float | None = 20.0, frames: int = FRAMES, **scores: float) -> Reading:
    """The reading of a span whose scores are `scores`, and next to nothing for the others."""
    logits = {label: math.log(scores.get(label, 1e-9)) for label in LABELS}
    return read(span(frames, **logits), spec, snr_db)


def test_scores_are_the_softmax_of_the_mean_logits() -> None:
    scores = read(span(angry=math.log(6), happy=math.log(2)), SPEC, None).scores
    assert [scores[label] for label in ("angry", "happy", "neutral", "sad")] == [0.6, 0.2, 0.1, 0.1]


def test_there_are_nine_keys_in_the_order_of_the_labels() -> None:
    assert tuple(read(span(), SPEC, None).scores) == LABELS


def test_labels_that_the_model_does_not_know_score_zero_whatever_their_logits() -> None:
    scores = read(span(fearful=50.0, unknown=50.0), SPEC, None).scores
    assert {label for label, score in scores.items() if score == 0.0} == set(LABELS) - set(SPEC.labels)


@given(st.lists(st.floats(-60, 60), min_size=9, max_size=9))
@settings(max_examples=50, deadline=None)
def test_scores_sum_to_one(logits: list[float]) -> None:
    scores = read(Span(np.array(logits) * FRAMES, 0.0, FRAMES), EVERYTHING, None).scores
    assert sum(scores.values()) == pytest.approx(1.0, abs=1e-3)
    assert all(0.0 <= score <= 1.0 for score in scores.values())


def test_the_label_is_the_highest_score_and_its_score_the_confidence() -> None:
    said = reading(sad=0.8, angry=0.2)
    assert (said.label, said.confidence) == ("sad", 0.8)


def test_arousal_is_the_logistic_of_the_mean_arousal() -> None:
    assert read(span(arousal=math.log(3)), SPEC, None).arousal == 0.75


def test_length_does_not_change_the_scores() -> None:
    assert read(span(50, angry=1.0), SPEC, None).scores == read(span(5_000, angry=1.0), SPEC, None).scores


@pytest.mark.parametrize(
    ("scores", "shape"),
    [
        ({"angry": 0.9, "happy": 0.1}, "single"),
        ({"angry": 0.71, "happy": 0.29}, "single"),
        ({"angry": 0.69, "happy": 0.31}, "mixed"),
        ({"angry": 0.34, "happy": 0.33, "sad": 0.33}, "mixed"),
        ({"angry": 0.31, "happy": 0.23, "sad": 0.23, "neutral": 0.23}, "single"),
        ({"angry": 0.28, "happy": 0.24, "sad": 0.24, "neutral": 0.24}, "flat"),
    ],
)
def test_shape_says_how_many_labels_stand_out(scores: dict[str, float], shape: str) -> None:
    assert reading(**scores).shape == shape


@pytest.mark.parametrize(
    ("confidence", "reliability"), [(0.71, "high"), (0.69, "medium"), (0.51, "medium"), (0.49, "low")]
)
def test_reliability_follows_the_thresholds_of_the_model(confidence: float, reliability: str) -> None:
    rest = (1 - confidence) / 3
    assert reading(angry=confidence, happy=rest, sad=rest, neutral=rest).reliability == reliability


@pytest.mark.parametrize(("frames", "reliability"), [(50, "high"), (49, "low")])
def test_with_less_than_a_second_of_speech_reliability_is_low(frames: int, reliability: str) -> None:
    assert reading(angry=1.0, frames=frames).reliability == reliability


@pytest.mark.parametrize(("snr_db", "reliability"), [(4.9, "low"), (5.0, "high"), (None, "high")])
def test_in_noise_reliability_is_low(snr_db: float | None, reliability: str) -> None:
    assert reading(angry=1.0, snr_db=snr_db).reliability == reliability


@pytest.mark.parametrize(("frames", "usable"), [(0, False), (14, False), (15, True)])
def test_too_little_speech_is_unusable(frames: int, usable: bool) -> None:
    assert (reading(angry=1.0, frames=frames).reliability != "unusable") is usable


def test_the_unusable_says_nothing_but_how_much_was_heard() -> None:
    said = reading(angry=1.0, frames=10, snr_db=12.34)
    assert said == Reading(dict.fromkeys(LABELS, 0.0), None, 0.0, None, None, "unusable", 0.2, 12.3)
    assert unusable() == Reading(dict.fromkeys(LABELS, 0.0), None, 0.0, None, None, "unusable", 0.0, None)


@pytest.mark.parametrize("labels", [(), ("angry", "cross")])
def test_a_model_with_labels_of_its_own_is_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="labels must be some of angry, disgusted"):
        EmotionSpec("m", "none", 48_000, labels)


@pytest.mark.parametrize("samples", [0, -320, 48_001])
def test_a_window_that_is_not_whole_frames_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="multiple of 320"):
        EmotionSpec("m", "none", samples, LABELS)
