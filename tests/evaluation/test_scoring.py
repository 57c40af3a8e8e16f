"""Models are asked as a live call asks them."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.scoring import score_calls, score_clips
from monitor.analysis import Missing, Role
from monitor.events import CallEnded
from monitor.session import Session
from tests.evaluation.recordings import ScriptedModel
from tests.scripted import SPECS, Driver, of, silence, voice


def test_a_clip_scores_as_the_call_that_it_would_be() -> None:
    audio = np.concatenate([silence(0.4), voice(120, 2.7), silence(0.9, 1), voice(200, 1.2, 2), silence(0.3, 3)])
    (score,) = score_clips([audio], ScriptedModel(Role.EMOTION))
    driver = Driver(Session("call", ("mixed",), SPECS, transport="test"))
    driver.feed(audio)
    (ended,) = of(driver.finish(), CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.summary.emotion is not None
    assert score.heard
    known = score.span.logits[[0, 3, 4, 6]] / score.span.frames
    shares = np.exp(known) / np.exp(known).sum()
    assert shares == pytest.approx([ended.summary.emotion[x] for x in ("angry", "happy", "neutral", "sad")], abs=1e-3)


def test_a_clip_does_not_depend_on_those_beside_it() -> None:
    clips = [voice(100 + 20 * n, 0.6 + 0.7 * n, n) for n in range(5)]
    together = list(score_clips(clips, ScriptedModel(Role.EMOTION)))
    alone = [next(score_clips([clip], ScriptedModel(Role.EMOTION))) for clip in clips]
    for a, b in zip(together, alone, strict=True):
        assert np.allclose(a.span.logits, b.span.logits)
        assert a.span.frames == b.span.frames


def test_each_clip_is_a_stream_whose_windows_come_in_order() -> None:
    model = ScriptedModel(Role.EMOTION)
    list(score_clips([voice(120, 2.0), voice(150, 4.0, 1), voice(180, 1.0, 2)], model))
    ends: dict[int, list[int]] = {}
    for batch in model.batches:
        assert len({id(window.stream) for window in batch}) == len(batch)
        for window in batch:
            ends.setdefault(id(window.stream), []).append(window.end_sample)
    assert len(ends) == 3
    assert all(found == sorted(found) for found in ends.values())


def test_the_clips_of_a_call_are_one_stream_and_each_is_scored_by_its_own_frames() -> None:
    clips = [voice(120, 2.0), voice(240, 3.0, 1), silence(1.0, 3), voice(120, 70.0, 2)]
    model = ScriptedModel(Role.EMOTION)
    (scores,) = score_calls([clips], model)
    assert len({id(window.stream) for batch in model.batches for window in batch}) == 2  # the silence is scored alone
    alone = list(score_clips(clips, ScriptedModel(Role.EMOTION)))
    assert [score.heard for score in scores] == [True, True, False, True]
    for one, other in zip(scores, alone, strict=True):
        assert one.span.logits / one.span.frames == pytest.approx(other.span.logits / other.span.frames, rel=0.05)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 2.2])
def test_where_no_speech_is_heard_every_frame_counts(seconds: float) -> None:
    (score,) = score_clips([silence(seconds)], ScriptedModel(Role.EMOTION))
    assert not score.heard
    assert score.span.frames == max(2, round(seconds * 50))


def test_a_model_that_fails_is_not_passed_over() -> None:
    class Broken(ScriptedModel):
        def analyse(self, windows):  # type: ignore[no-untyped-def]
            return [Missing.FAILED for _ in windows]

    with pytest.raises(ValueError, match="scripted-emotion failed"):
        list(score_clips([voice(120, 1.0)], Broken(Role.EMOTION)))
