"""emotion2vec on the windows of a stream, with less and less computed again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.layouts import TINY, EmotionSizes, emotion_shapes, random_tensors
from inference import official, reuse
from inference.emotion2vec import Emotion2vec, frames_in, normalised
from inference.reuse import Heard, Reuse, ReusingEmotion2vec

WINDOW, HOP = 48_000, 8_000
FRAMES, FRESH = frames_in(WINDOW), HOP // 320
LENGTH = 12 * HOP


def network(sizes: EmotionSizes) -> Emotion2vec:
    return official.emotion2vec(random_tensors(emotion_shapes(sizes)), 1e-5, "tiny")


@pytest.fixture(scope="module")
def net() -> Emotion2vec:
    return network(TINY)


def repeating() -> Tensor:
    """Noise that repeats every half second: each window of three has the same mean and variance."""
    piece = torch.randn(HOP, generator=torch.Generator().manual_seed(3))
    return 0.1 * piece.repeat(LENGTH // HOP)


def changing() -> Tensor:
    return repeating() * torch.linspace(0.2, 2.0, LENGTH) + 0.01


def heard(net: Emotion2vec, wave: Tensor, grade: Reuse, hop: int = HOP) -> list[Tensor]:
    """The logits of each window, one after the other."""
    model = ReusingEmotion2vec(net, WINDOW, grade)
    memory: Heard | None = None
    out: list[Tensor] = []
    for end in range(WINDOW, len(wave) + 1, hop):
        fresh = model.fresh(memory, end)
        with torch.inference_mode():
            logits, (memory,) = model(wave[None, end - WINDOW : end], [end], [memory], fresh)
        out.append(logits[0])
    return out


def exact(net: Emotion2vec, wave: Tensor, hop: int = HOP) -> list[Tensor]:
    with torch.inference_mode():
        return [net(normalised(wave[None, end - WINDOW : end]))[1][0] for end in range(WINDOW, len(wave) + 1, hop)]


def apart(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest difference of the newest frames, relative to the largest logit."""
    most = max(float(logits.abs().max()) for logits in expected)
    return max(
        float((one - other[len(other) - len(one) :]).abs().max()) / most
        for one, other in zip(found, expected, strict=True)
    )


def test_without_reuse_every_window_is_as_if_alone(net: Emotion2vec) -> None:
    assert apart(heard(net, changing(), Reuse.NONE), exact(net, changing())) < 1e-5


def test_convolutions_are_exact_where_the_normalisation_does_not_change(net: Emotion2vec) -> None:
    assert apart(heard(net, repeating(), Reuse.CONVOLUTIONS), exact(net, repeating())) < 1e-4


def test_convolutions_are_near_where_it_does(net: Emotion2vec) -> None:
    found = heard(net, changing(), Reuse.CONVOLUTIONS)
    assert [len(logits) for logits in found] == [FRAMES] * len(found)
    assert 0 < apart(found, exact(net, changing())) < 0.05


def test_frames_are_those_that_are_new_and_some_before_them(net: Emotion2vec) -> None:
    found = heard(net, changing(), Reuse.FRAMES)
    assert [len(logits) for logits in found] == [FRAMES] + [FRESH + reuse.AGAIN_FRAMES] * (len(found) - 1)
    assert apart(found[:1], exact(net, changing())[:1]) < 1e-5


def test_older_frames_are_attended_to_where_they_are() -> None:
    """With one block, and no word on where frames stand but the fading of attention, nothing is approximate."""
    net = network(EmotionSizes(prenet=1, blocks=0))
    for conv in net.positions.convs:
        conv.weight.zero_()
    assert apart(heard(net, repeating(), Reuse.FRAMES), exact(net, repeating())) < 1e-4


def test_with_all_frames_again_only_the_convolutions_are_reused(
    net: Emotion2vec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "AGAIN_FRAMES", FRAMES)
    assert apart(heard(net, changing(), Reuse.FRAMES), heard(net, changing(), Reuse.CONVOLUTIONS)) < 1e-5


def test_streams_side_by_side_do_not_mix(net: Emotion2vec) -> None:
    model = ReusingEmotion2vec(net, WINDOW, Reuse.FRAMES)
    waves = torch.stack([changing(), changing().flip(0)])
    memories: list[Heard | None] = [None, None]
    alone = [heard(net, wave, Reuse.FRAMES) for wave in waves]
    for number, end in enumerate(range(WINDOW, LENGTH + 1, HOP)):
        with torch.inference_mode():
            fresh = model.fresh(memories[0], end)
            logits, kept = model(waves[:, end - WINDOW : end], [end, end], memories, fresh)
        memories = list(kept)
        for row in range(2):
            np.testing.assert_allclose(logits[row], alone[row][number], atol=1e-4)


@pytest.mark.parametrize(
    ("last", "end", "expected"),
    [
        (None, 64_000, FRAMES),
        (64_000, 72_000, 25),
        (64_000, 64_320, 1),
        (64_000, 64_000, FRAMES),  # again
        (64_000, 64_100, FRAMES),  # off the grid of frames
        (64_000, 64_000 + WINDOW, FRAMES),  # nothing in common
        (40_000, 48_000, FRAMES),  # began before the stream, and was made up in part
        (72_000, 64_000, FRAMES),  # from the past
    ],
)
def test_what_is_new(net: Emotion2vec, last: int | None, end: int, expected: int) -> None:
    memory = None if last is None else Heard(last, torch.zeros(FRAMES, TINY.channels), [])
    assert ReusingEmotion2vec(net, WINDOW, Reuse.FRAMES).fresh(memory, end) == expected
    assert ReusingEmotion2vec(net, WINDOW, Reuse.NONE).fresh(memory, end) == FRAMES
