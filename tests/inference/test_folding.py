from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from inference.allocation import keep_freed_memory
from inference.emotion_net import HISTORY_SAMPLES, EmotionNet, EmotionNetConfig
from inference.folding import folded
from inference.speaker_net import SpeakerNet, SpeakerNetConfig

Run = Callable[..., Sequence[Tensor]]
NETS: dict[str, Callable[[], EmotionNet | SpeakerNet]] = {
    "emotion": lambda: EmotionNet(EmotionNetConfig(blocks="cvrac", dilations=(1, 3), channels=32, stem_channels=8)),
    "speaker": lambda: SpeakerNet(SpeakerNetConfig(channels=32, stem_channels=8, values=64, heads=4)),
    "residual speaker": lambda: SpeakerNet(
        SpeakerNetConfig(channels=32, stem_channels=8, residual_stem=True, blocks="ced", dilations=(1, 2, 3), values=64)
    ),
}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> EmotionNet | SpeakerNet:
    """As if trained: no normalisation is the identity."""
    torch.manual_seed(3)
    made = NETS[request.param]().eval()
    for module in made.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
    return made


def frames_of(net: EmotionNet | SpeakerNet) -> Run:
    return net if isinstance(net, EmotionNet) else net.frames


@torch.inference_mode()
def test_a_folded_network_gives_the_same_from_pieces_as_the_trained_one_from_the_whole(
    net: EmotionNet | SpeakerNet,
) -> None:
    run, fast = frames_of(net), frames_of(folded(net))
    audio = 0.1 * torch.randn(3, HISTORY_SAMPLES + 40 * 320)
    *whole, state = run(audio)
    after, pieces, at = torch.zeros_like(state), [], 0
    for count in (1, 14, 25):
        *heads, after = fast(audio[:, at * 320 : HISTORY_SAMPLES + (at + count) * 320], after)
        pieces.append(heads)
        at += count
    for expected, *parts in zip(whole, *pieces, strict=True):
        assert torch.allclose(torch.cat(parts, dim=1), expected, atol=1e-5)
    assert torch.allclose(after, state, rtol=1e-5, atol=1e-4)


@torch.inference_mode()
def test_streams_of_unequal_length_leave_the_state_of_their_own_end(net: EmotionNet | SpeakerNet) -> None:
    fast = frames_of(folded(net))
    audio, lengths = 0.1 * torch.randn(3, HISTORY_SAMPLES + 25 * 320), torch.tensor([25, 1, 9])
    fresh = torch.zeros_like(fast(audio)[-1])
    together = fast(audio, fresh, lengths)[-1]
    for row, count in enumerate(lengths.tolist()):
        alone = fast(audio[row : row + 1, : HISTORY_SAMPLES + count * 320], fresh[:1])[-1]
        assert torch.allclose(together[row], alone[0], rtol=1e-5, atol=1e-4)


@torch.inference_mode()
def test_a_folded_network_pools_the_same() -> None:
    torch.manual_seed(4)
    plain = SpeakerNet(SpeakerNetConfig(values=64, heads=4)).eval()
    values, logits, mask = (
        torch.rand(3, 20, 64),
        torch.randn(3, 20, 4),
        torch.arange(20) < torch.tensor([[20], [1], [9]]),
    )
    assert torch.allclose(folded(plain).embed(values, logits, mask), plain.embed(values, logits, mask), atol=1e-6)


def test_folding_leaves_the_network_as_it_was(net: EmotionNet | SpeakerNet) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fast = folded(net)
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert len([m for m in fast.modules() if isinstance(m, _BatchNorm)]) < len(
        [m for m in net.modules() if isinstance(m, _BatchNorm)]
    )


def test_a_normalisation_before_its_layer_is_left_alone() -> None:
    block = nn.Sequential(nn.BatchNorm1d(4), nn.Conv1d(4, 6, 1)).eval()
    assert isinstance(folded(block)[0], nn.BatchNorm1d)


def test_keeping_memory_is_harmless() -> None:
    assert keep_freed_memory() in (True, False)
