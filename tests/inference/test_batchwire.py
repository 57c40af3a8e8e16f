"""Batches that went over the wire are what they were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.batchwire import Item, Reply, Request, analyses_of, encode, pack, reply_decoder, request_decoder, unpack
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    Missing,
    Role,
    SpeakerAnalysis,
    SpeechAnalysis,
    Stream,
    Window,
)

WHOLE = 3200
AUDIO = np.arange(10_000, dtype=np.float32)


def item(stream: int, sent: int = WHOLE, end: int = 8000, speech: bytes | None = None) -> Item:
    return Item(stream, end, WHOLE, sent, speech)


def received(request: Request, streams: dict[int, Stream], role: Role = Role.SPEAKER) -> list[Window]:
    """The windows of a request at the other end."""
    return unpack(request_decoder.decode(encode(request)), role, AUDIO, streams)


def returned(analyses: Sequence[Analysis], role: Role, sent: Sequence[int] | None = None) -> list[Analysis]:
    """Analyses after their way back; `sent`: how many samples of each window were sent (None: all)."""
    reply = reply_decoder.decode(encode(pack(analyses)))
    return analyses_of(reply, role, [item(1, samples) for samples in sent or [WHOLE] * len(analyses)])


def emotion(frames: int, seed: int, first: int = 0) -> EmotionAnalysis:
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((frames, 9)).astype(np.float32)
    return EmotionAnalysis(logits, rng.standard_normal(frames).astype(np.float32), first)


def same(one: Analysis, other: Analysis) -> None:
    assert type(one) is type(other)
    if isinstance(one, EmotionAnalysis) and isinstance(other, EmotionAnalysis):
        assert one.first == other.first
        np.testing.assert_array_equal(one.logits, other.logits)
        np.testing.assert_array_equal(one.arousal, other.arousal)
    elif isinstance(one, SpeakerAnalysis) and isinstance(other, SpeakerAnalysis):
        np.testing.assert_array_equal(one.embedding, other.embedding)
    else:
        assert one == other


SPEAKERS = [SpeakerAnalysis(np.random.default_rng(seed).standard_normal(64).astype(np.float32)) for seed in range(2)]


# --- back


@pytest.mark.parametrize(
    ("role", "analyses"),
    [
        (Role.SPEECH, [SpeechAnalysis(bytes(range(5))), Missing.FAILED, SpeechAnalysis(bytes([255] * 50))]),
        (Role.EMOTION, [emotion(10, 0), Missing.FAILED, emotion(3, 1, first=7), emotion(0, 2, first=10)]),
        (Role.SPEAKER, [SPEAKERS[0], Missing.FAILED, SPEAKERS[1]]),
        *((role, [Missing.FAILED, Missing.FAILED]) for role in Role),
        *((role, []) for role in Role),
    ],
)
def test_analyses_come_back_as_they_were(role: Role, analyses: list[Analysis]) -> None:
    back = returned(analyses, role)
    assert len(back) == len(analyses)
    for one, other in zip(analyses, back, strict=True):
        same(one, other)


def test_frames_are_counted_from_the_beginning_of_the_whole_window() -> None:
    back = returned([emotion(2, 0), emotion(1, 1, first=2), emotion(10, 2)], Role.EMOTION, [640, 960, WHOLE])
    assert [each.first for each in back if isinstance(each, EmotionAnalysis)] == [8, 9, 0]


def test_numbers_of_twice_the_precision_are_rounded() -> None:
    wide = np.random.default_rng(0).standard_normal((2, 9))
    (back,) = returned([EmotionAnalysis(wide, wide[:, 0])], Role.EMOTION)  # type: ignore[arg-type]
    same(back, EmotionAnalysis(wide.astype(np.float32), wide[:, 0].astype(np.float32)))


def test_what_is_no_analysis_has_failed() -> None:
    assert returned(["happy", Missing.SKIPPED, SPEAKERS[0]], Role.SPEAKER)[:2] == [Missing.FAILED] * 2  # type: ignore[list-item]


@pytest.mark.parametrize("columns", [8, 10, 19])
def test_logits_of_other_labels_do_not_pass_for_ours(columns: int) -> None:
    strange = EmotionAnalysis(np.ones((10, columns), np.float32), np.zeros(10, np.float32))
    fine = emotion(10, 0)
    back = returned([strange, fine], Role.EMOTION)
    assert back[0] is Missing.FAILED
    same(back[1], fine)


def test_an_embedding_of_two_axes_does_not_displace_its_neighbours() -> None:
    back = returned([SpeakerAnalysis(np.ones((2, 64), np.float32)), SPEAKERS[0]], Role.SPEAKER)
    assert back[0] is Missing.FAILED
    same(back[1], SPEAKERS[0])


def test_the_error_of_a_whole_batch_comes_back_in_words() -> None:
    reply = Reply([], [], b"", "RuntimeError: out of order")
    assert reply_decoder.decode(encode(reply)).error == "RuntimeError: out of order"
    assert reply_decoder.decode(encode(pack([]))).error is None


# --- there


def test_windows_come_with_the_samples_that_were_sent_in_their_order() -> None:
    one, other = received(Request([item(1, 640), item(2, WHOLE)], []), {})
    np.testing.assert_array_equal(one.samples, AUDIO[:640])
    np.testing.assert_array_equal(other.samples, AUDIO[640 : 640 + WHOLE])
    assert [(window.number, window.role, window.end_sample, window.span) for window in (one, other)] == [
        (0, Role.SPEAKER, 8000, WHOLE),
        (1, Role.SPEAKER, 8000, WHOLE),
    ]
    assert one.frames == other.frames == 10


def test_the_samples_of_a_window_are_not_copied() -> None:
    assert all(np.shares_memory(window.samples, AUDIO) for window in received(Request([item(1), item(2)], []), {}))


@pytest.mark.parametrize("speech", [[True, False, False, True], []])
def test_a_window_says_which_of_its_frames_hold_speech(speech: list[bool]) -> None:
    silent, spoken = received(Request([item(1), item(2, speech=np.array(speech, bool).tobytes())], []), {})
    assert silent.speech is None
    assert spoken.speech is not None
    assert spoken.speech.tolist() == speech


def test_windows_of_one_stream_find_what_was_remembered() -> None:
    streams: dict[int, Stream] = {}
    received(Request([item(1)], []), streams)[0].stream.memory = "what was heard"
    windows = received(Request([item(1), item(2), item(1)], []), streams)
    assert [window.stream.memory for window in windows] == ["what was heard", None, "what was heard"]


def test_a_stream_that_is_over_is_forgotten() -> None:
    streams: dict[int, Stream] = {}
    first, _ = received(Request([item(1), item(2)], []), streams)
    received(Request([], [1, 99]), streams)
    assert set(streams) == {2}
    (again,) = received(Request([item(1)], []), streams)
    assert again.stream is not first.stream
