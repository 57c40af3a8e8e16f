"""emotion2vec's convolutions laid out for speed."""

from __future__ import annotations

import pytest
import torch

from benchmarks.layouts import TINY, emotion_shapes, random_tensors
from inference import official
from inference.emotion2vec import Emotion2vec, normalised
from inference.emotion2vec_rows import in_rows


@pytest.fixture(scope="module")
def net() -> Emotion2vec:
    return official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("samples", [400, 719, 720, 6400, 16_001, 48_000, 48_080, 48_400, 100_000, 479_999])
@torch.inference_mode()
def test_in_rows_the_network_says_what_it_says_otherwise(net: Emotion2vec, batch: int, samples: int) -> None:
    clips = normalised(torch.randn(batch, samples, generator=torch.Generator().manual_seed(samples)))
    for found, expected in zip(in_rows(net)(clips), net(clips), strict=True):
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_so_it_does_for_clips_of_different_lengths(net: Emotion2vec) -> None:
    clips = torch.randn(3, 16_000, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([16_000, 9_000, 4_000])
    found, expected = in_rows(net)(clips, lengths)[1], net(clips, lengths)[1]
    for row, frames in enumerate(((lengths - 400) // 320 + 1).tolist()):
        torch.testing.assert_close(found[row, :frames], expected[row, :frames], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_it_hears_a_part_of_a_longer_recording(net: Emotion2vec) -> None:
    wave = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(2))
    part = wave[:, 3_000:12_000]
    torch.testing.assert_close(in_rows(net).local(part), net.local(part), rtol=1e-4, atol=1e-4)


def test_the_network_itself_is_left_as_it_was(net: Emotion2vec) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    in_rows(net)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_nothing_but_the_encoder_is_there_twice(net: Emotion2vec) -> None:
    own = in_rows(net)
    assert own.local is not net.local
    assert own.blocks is net.blocks
    assert all(one is other for one, other in zip(own.blocks.parameters(), net.blocks.parameters(), strict=True))
