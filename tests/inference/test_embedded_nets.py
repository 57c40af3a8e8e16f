"""The causal networks: a stream in pieces gives what it gives in one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.features import HISTORY_SAMPLES
from inference.folding import folded
from inference.speaker_net import SpeakerNet, SpeakerNetConfig

FRAME = 320
EMOTION_KINDS = ["cc", "ccv", "r", "a", "cvr"]


def emotion(blocks: str = "ccv") -> EmotionNet:
    torch.manual_seed(0)
    dilations = (2, 8)[: blocks.count("c")]
    return EmotionNet(EmotionNetConfig(channels=32, blocks=blocks, dilations=dilations)).eval()


def speaker() -> SpeakerNet:
    torch.manual_seed(0)
    return SpeakerNet(SpeakerNetConfig()).eval()


def stream(batch: int, frames: int) -> Tensor:
    """Noise of changing level from the start of streams, with the zeros before it."""
    torch.manual_seed(1)
    audio = torch.randn(batch, frames * FRAME) * torch.rand(batch, frames).repeat_interleave(FRAME, 1) * 0.3
    return functional.pad(audio, (HISTORY_SAMPLES, 0))


@pytest.mark.parametrize("kind", EMOTION_KINDS)
def test_a_stream_in_pieces_gives_what_it_gives_in_one(kind: str) -> None:
    net, audio = emotion(kind), stream(3, 120)
    with torch.inference_mode():
        whole, aroused, _ = net(audio)
        pieces, state, at = [], None, 0
        for frames in (25, 1, 13, 50, 31):
            part = audio[:, at * FRAME : HISTORY_SAMPLES + (at + frames) * FRAME]
            labels, arousal, state = net(part, state)
            pieces.append((labels, arousal))
            at += frames
    assert torch.allclose(torch.cat([labels for labels, _ in pieces], dim=1), whole, atol=1e-5)
    assert torch.allclose(torch.cat([arousal for _, arousal in pieces], dim=1), aroused, atol=1e-5)


@pytest.mark.parametrize("kind", EMOTION_KINDS)
def test_padding_leaves_no_trace(kind: str) -> None:
    net, audio = emotion(kind), stream(2, 60)
    lengths = torch.tensor([20, 35])
    with torch.inference_mode():
        padded = torch.cat([audio[:, : HISTORY_SAMPLES + 35 * FRAME], torch.randn(2, 5 * FRAME)], dim=1)
        together, _, state = net(padded, None, lengths)
        for row, length in enumerate(lengths.tolist()):
            alone, _, own = net(audio[row : row + 1, : HISTORY_SAMPLES + length * FRAME])
            assert torch.allclose(together[row, :length], alone[0], atol=1e-5)
            assert torch.allclose(state[row], own[0], atol=1e-4)


def test_no_frame_depends_on_later_ones() -> None:
    net, audio = emotion("cvra"), stream(1, 60)
    changed = audio.clone()
    changed[:, HISTORY_SAMPLES + 40 * FRAME :] = 0
    with torch.inference_mode():
        assert torch.allclose(net(audio)[0][:, :40], net(changed)[0][:, :40], atol=1e-6)


def test_the_speaker_frames_of_a_stream_in_pieces_are_those_of_the_whole() -> None:
    net, audio = speaker(), stream(2, 80)
    with torch.inference_mode():
        whole, logits, _ = net.frames(audio)
        first, first_logits, state = net.frames(audio[:, : HISTORY_SAMPLES + 33 * FRAME])
        second, second_logits, _ = net.frames(audio[:, 33 * FRAME :], state)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-5)
    assert torch.allclose(torch.cat([first_logits, second_logits], dim=1), logits, atol=1e-5)


def test_an_embedding_has_unit_length_and_counts_the_masked_frames_only() -> None:
    net, audio = speaker(), stream(2, 75)
    mask = torch.zeros(2, 75, dtype=torch.bool)
    mask[:, 20:60] = True
    with torch.inference_mode():
        values, logits, _ = net.frames(audio)
        masked = net.embed(values, logits, mask)
        cut = net.embed(values[:, 20:60], logits[:, 20:60], mask[:, 20:60])
    assert torch.allclose(masked, cut, atol=1e-5)
    assert torch.allclose(masked.norm(dim=1), torch.ones(2), atol=1e-5)


def test_neighbours_in_a_batch_have_no_influence() -> None:
    net, audio = emotion(), stream(5, 50) * torch.logspace(-3, 0, 5)[:, None]
    with torch.inference_mode():
        together, alone = net(audio)[0], torch.cat([net(row[None])[0] for row in audio])
    assert torch.allclose(together, alone, atol=1e-4)


def test_silence_gives_finite_answers() -> None:
    silence = torch.zeros(1, HISTORY_SAMPLES + 50 * FRAME)
    with torch.inference_mode():
        assert all(output.isfinite().all() for output in (*emotion()(silence), *speaker().frames(silence)))


@pytest.mark.parametrize("kind", EMOTION_KINDS)
def test_folding_changes_nothing_but_the_time(kind: str) -> None:
    net, audio = emotion(kind), stream(2, 40)
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    with torch.inference_mode():
        for plain, quick in zip(net(audio), folded(net)(audio), strict=True):
            assert torch.allclose(plain, quick, atol=1e-4)
