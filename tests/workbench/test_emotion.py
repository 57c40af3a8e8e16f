"""From frames to what is said: readings, bands, the timeline and the moments."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis import EmotionSpec
from monitor.labels import LABELS
from monitor.timeline import Span
from workbench.emotion import MOST_POINTS, EmotionTrack, bands, divergence, moments, reading, timeline

ALL = EmotionSpec("published", "none", 48_000, LABELS)
MEASURED = EmotionSpec("measured", "none", 48_000, ("angry", "happy", "sad"), 0.5, 0.83, calibrated=True)
SECOND = 50


def logits_for(**scores: float) -> np.ndarray:
    """(9,): logits whose softmax are these scores; what is left is shared by the others."""
    rest = (1 - sum(scores.values())) / (len(LABELS) - len(scores))
    return np.log([scores.get(label, rest) for label in LABELS])


def span_of(frames: int = 150, **scores: float) -> Span:
    return Span(logits_for(**scores) * frames, 0.0, frames)


def track_of(*parts: tuple[float, dict[str, float] | None]) -> EmotionTrack:
    """Seconds of one emotion after the other; None: a pause."""
    rows = [np.tile(logits_for(**(scores or {"neutral": 0.5})), (round(s * SECOND), 1)) for s, scores in parts]
    counts = [np.full(round(seconds * SECOND), scores is not None) for seconds, scores in parts]
    logits = np.concatenate(rows).astype(np.float32)
    return EmotionTrack(logits, np.zeros(len(logits), np.float32), np.concatenate(counts), ALL)


@pytest.mark.parametrize(
    ("scores", "shape", "key", "stands_out"),
    [
        ({"angry": 0.9}, "single", "emotion.pure", ["angry"]),
        ({"angry": 0.6, "sad": 0.2}, "single", "emotion.leading", ["angry"]),
        ({"angry": 0.75, "sad": 0.2}, "single", "emotion.leading", ["angry"]),
        ({"angry": 0.42, "neutral": 0.38}, "mixed", "emotion.mixed", ["angry", "neutral"]),
        ({"angry": 0.14, "sad": 0.12}, "flat", "emotion.flat", []),
    ],
)
def test_the_shape_of_the_scores_is_told_in_a_sentence(
    scores: dict[str, float], shape: str, key: str, stands_out: list[str]
) -> None:
    said = reading(span_of(**scores), ALL, None)
    assert (said.shape, said.sentence.key, said.stands_out) == (shape, key, stands_out)
    assert set(said.scores) == set(LABELS)
    assert all(label in said.sentence.text for label in stands_out)


@pytest.mark.parametrize(
    ("confidence", "band"),
    [(0.86, "high"), (0.84, "medium"), (0.71, "medium"), (0.69, "low"), (0.51, "low"), (0.49, "unusable")],
)
def test_the_bands_are_those_people_go_by(confidence: float, band: str) -> None:
    said = reading(span_of(happy=confidence), ALL, None)
    assert said.band == band
    assert said.advice.key == f"band.{band}"


def test_a_model_that_was_measured_has_bands_of_its_own() -> None:
    assert bands(ALL).high_from == 0.85
    assert (bands(MEASURED).high_from, bands(MEASURED).medium_from) == (0.83, 0.5)
    assert bands(MEASURED).of(0.45) == "low"
    assert bands(MEASURED).of(0.25) == "unusable"


def test_little_speech_and_noise_are_never_trusted() -> None:
    assert reading(span_of(happy=0.95), ALL, 20.0).band == "high"
    assert reading(span_of(happy=0.95), ALL, 3.0).band == "low"
    assert reading(span_of(40, happy=0.95), ALL, 20.0).band == "low"
    nothing = reading(span_of(10, happy=0.95), ALL, 20.0)
    assert (nothing.band, nothing.label, nothing.sentence.key) == ("unusable", None, "emotion.unusable")


def test_labels_that_the_model_does_not_know_score_nothing() -> None:
    said = reading(span_of(neutral=0.9), MEASURED, None)
    assert said.label != "neutral"
    assert said.scores["neutral"] == 0
    assert sum(said.scores.values()) == pytest.approx(1.0, abs=0.001)


def test_the_timeline_has_a_stretch_of_three_seconds_every_second_but_for_pauses() -> None:
    points = timeline(track_of((5, {"happy": 0.8}), (6, None), (5, {"sad": 0.8})), 0, None)
    assert [(point.start_s, point.end_s) for point in points[:2]] == [(0.0, 3.0), (1.0, 4.0)]
    assert all(point.end_s <= 7 or point.end_s >= 12 for point in points)
    assert points[0].label == "happy"
    assert points[-1].label == "sad"
    assert points[-1].end_s == 16.0


def test_the_timeline_of_hours_is_bounded() -> None:
    hours = 3
    logits = np.tile(logits_for(sad=0.8), (hours * 3600 * SECOND, 1)).astype(np.float32)
    track = EmotionTrack(logits, np.zeros(len(logits), np.float32), np.ones(len(logits), np.bool_), ALL)
    points = timeline(track, 0, None)
    assert MOST_POINTS * 0.9 < len(points) <= MOST_POINTS
    assert points[-1].end_s == pytest.approx(hours * 3600, abs=4)


def test_a_recording_shorter_than_a_stretch_is_one_point() -> None:
    (point,) = timeline(track_of((1.5, {"happy": 0.8})), 0, None)
    assert (point.start_s, point.end_s) == (0.0, 1.5)


def test_where_the_emotion_turns_is_found_and_said() -> None:
    track = track_of((8, {"neutral": 0.8}), (8, {"angry": 0.9}), (8, {"neutral": 0.8}))
    turns = [moment for moment in moments(track, 0) if moment.kind == "turn"]
    assert [(turn.start_s, turn.before, turn.label) for turn in turns] == [
        (8.0, "neutral", "angry"),
        (16.0, "angry", "neutral"),
    ]
    assert turns[0].sentence.text == "Turns from neutral to angry at 8.0 s."
    assert all(0.15 <= turn.weight <= 1 for turn in turns)


def test_a_turn_across_a_pause_is_found_too() -> None:
    turns = moments(track_of((6, {"neutral": 0.9}), (1, None), (6, {"sad": 0.9})), 0)
    assert any(turn.kind == "turn" and 6.0 <= turn.start_s <= 7.0 and turn.label == "sad" for turn in turns)


def test_the_clearest_moment_of_each_feeling_is_told_but_not_of_calm() -> None:
    track = track_of((5, {"neutral": 0.95}), (2, {"angry": 0.9}), (5, {"angry": 0.5}), (4, {"happy": 0.6}))
    peaks = {moment.label: moment for moment in moments(track, 0) if moment.kind == "peak"}
    assert set(peaks) == {"angry", "happy"}
    assert (peaks["angry"].start_s, peaks["angry"].end_s) == (5.0, 7.0)
    assert peaks["angry"].weight == pytest.approx(0.9, abs=0.01)


def test_a_steady_recording_turns_nowhere() -> None:
    assert moments(track_of((30, {"neutral": 0.7})), 0) == []


def test_divergence_is_nothing_for_the_same_and_a_bit_for_what_has_nothing_in_common() -> None:
    one, other = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    np.testing.assert_allclose(divergence(one, other), [1.0, 0.0])
    np.testing.assert_allclose(divergence(one, other), divergence(other, one))


def test_frames_in_pauses_have_no_scores() -> None:
    track = track_of((1, {"sad": 0.8}), (1, None))
    told = track.told(1)
    assert told.channel == 1
    assert len(told.scores) == 100
    assert told.scores[60] is None
    assert told.scores[0] is not None
    assert told.scores[0][LABELS.index("sad")] == pytest.approx(0.8, abs=0.001)
    assert np.isnan(track.rows()[60]).all()
