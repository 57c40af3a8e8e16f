"""The emotion of one channel, from windows to what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitor.analysis import EmotionAnalysis, EmotionSpec
from monitor.events import Emotion, EmotionFrames, EmotionTurn, Event
from monitor.labels import LABELS
from monitor.mood import Mood
from vad.cuts import ContextCut

SPEC = EmotionSpec("m", "none", 100 * 320, ("angry", "sad"))
ANGRY, SAD = LABELS.index("angry"), LABELS.index("sad")
Heard = list[tuple[type[Event], float, dict[str, Any]]]


def mood(horizon_s: float = 1.0) -> Mood:
    return Mood(SPEC, horizon_s)


def hear(
    made: Mood,
    end: int,
    label: int = ANGRY,
    *,
    silent: tuple[int, ...] = (),
    frames: bool = False,
    snr_db: float = 20.0,
) -> Heard:
    """A window of 100 frames up to `end`, all `label` but for absolute frames that are `silent`."""
    logits = np.full((100, 9), 99.0, np.float32)  # what the model does not know must not matter
    logits[:, [ANGRY, SAD]] = 0.0
    logits[:, label] = 9.0
    speech = ~np.isin(np.arange(end - 100, end), silent)
    cut = ContextCut(end, np.zeros(0, np.float32), speech, snr_db)
    return list(made.heard(cut, EmotionAnalysis(logits, np.zeros(100, np.float32)), "S1", frames))


def test_a_window_says_the_horizon_that_ends_with_it() -> None:
    ((kind, t, fields),) = hear(mood(), 150)
    assert (kind, t) == (Emotion, 3.0)
    assert (fields["label"], fields["speaker"], fields["speech_s"], fields["snr_db"]) == ("angry", "S1", 1.0, 20.0)


def test_the_horizon_is_scored_from_the_frames_of_several_windows() -> None:
    made = mood(horizon_s=4.0)
    hear(made, 100, ANGRY)
    ((_, _, fields),) = hear(made, 200, SAD)
    assert (fields["speech_s"], fields["shape"]) == (4.0, "mixed")


def test_what_lies_before_the_horizon_does_not_count() -> None:
    made = mood(horizon_s=1.0)
    hear(made, 100, ANGRY)
    ((_, _, fields),) = hear(made, 200, SAD)
    assert fields["scores"]["sad"] > 0.99


def test_silence_is_said_to_be_unusable() -> None:
    ((kind, t, fields),) = mood().fell_silent(200, "S2")
    assert (kind, t, fields["reliability"], fields["label"]) == (Emotion, 4.0, "unusable", None)
    assert fields["speaker"] == "S2"


def test_a_turn_is_read_over_its_own_frames() -> None:
    made = mood()
    hear(made, 100, ANGRY)
    hear(made, 200, SAD)
    ((kind, t, fields),) = made.turn_ended(110, 160, "S1")
    assert (kind, t, fields["start_s"], fields["label"], fields["speech_s"]) == (EmotionTurn, 3.2, 2.2, "sad", 1.0)


def test_a_turn_within_a_segment_begins_where_the_last_one_ended() -> None:
    made = mood()
    hear(made, 100)
    list(made.turn_ended(10, 60, "S1"))
    ((_, _, fields),) = made.turn_ended(10, 90, "S2")
    assert (fields["start_s"], fields["speech_s"]) == (1.2, 0.6)


def test_a_turn_that_was_told_already_is_not_told_again() -> None:
    made = mood()
    hear(made, 100)
    list(made.turn_ended(10, 60, "S1"))
    assert list(made.turn_ended(10, 60, "S1")) == []


def test_frames_come_on_request_and_before_the_reading() -> None:
    assert [kind for kind, _, _ in hear(mood(), 100, frames=True)] == [EmotionFrames, Emotion]


def test_frames_are_those_since_the_last_window() -> None:
    made = mood()
    hear(made, 100)
    _, t, fields = hear(made, 125, frames=True)[0]
    assert (t, fields["start_s"], fields["frame_s"], len(fields["scores"])) == (2.5, 2.0, 0.02, 25)


def test_a_frame_is_scored_over_the_labels_that_the_model_knows() -> None:
    fields = hear(mood(), 100, SAD, frames=True)[0][2]
    assert fields["labels"] == list(LABELS)
    row = fields["scores"][0]
    assert sum(row) == pytest.approx(1.0, abs=1e-3)
    assert row[SAD] > 0.99
    assert [at for at, score in enumerate(row) if score == 0.0] == [at for at in range(9) if at not in (ANGRY, SAD)]


def test_a_frame_without_speech_has_no_scores() -> None:
    fields = hear(mood(), 100, silent=(3, 4), frames=True)[0][2]
    assert [at for at, row in enumerate(fields["scores"]) if row is None] == [3, 4]


def test_after_a_long_silence_not_all_of_it_is_sent_as_frames() -> None:
    made = mood(horizon_s=1.0)
    hear(made, 100)
    fields = hear(made, 5_000, frames=True)[0][2]
    assert (fields["start_s"], len(fields["scores"])) == (90.0, 500)
