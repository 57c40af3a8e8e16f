"""emotion2vec on tiny networks in the published layout; `make test-models` compares true sizes with the reference."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.layouts import AUDIO, LARGE, TINY, EmotionSizes, emotion_shapes, random_tensors
from inference import official
from inference.emotion2vec import RECEPTIVE_SAMPLES, Emotion2vec, frames_in, normalised, slopes
from inference.model import CheckpointError

SECONDS = (0.4, 0.77, 1.0, 3.0)


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_tensors(emotion_shapes(TINY))


@pytest.fixture(scope="module")
def net(tensors: dict[str, Tensor]) -> Emotion2vec:
    return official.emotion2vec(tensors, 1e-5, "tiny")


def clips(*seconds: float) -> list[Tensor]:
    dice = torch.Generator().manual_seed(5)
    return [0.1 * torch.randn(round(16_000 * each), generator=dice) + 0.02 for each in seconds]


def by_the_paper(tensors: dict[str, Tensor], wave: Tensor, sizes: EmotionSizes) -> tuple[Tensor, Tensor]:
    """The network written down once more, one clip at a time, from the published tensors alone."""
    t = {
        name.removeprefix("d2v_model.").removeprefix(AUDIO.removeprefix("d2v_model.")): each
        for name, each in tensors.items()
    }
    x = ((wave - wave.mean()) / (wave.var(unbiased=False) + 1e-5).sqrt())[None, None]
    for number, stride in enumerate((5, 2, 2, 2, 2, 2, 2)):
        x = functional.conv1d(x, t[f"local_encoder.conv_layers.{number}.0.weight"], stride=stride)
        weight, bias = (t[f"local_encoder.conv_layers.{number}.2.1.{part}"] for part in ("weight", "bias"))
        x = functional.gelu(functional.layer_norm(x.mT, weight.shape, weight, bias)).mT
    x = functional.layer_norm(x.mT, (sizes.channels,), t["project_features.1.weight"], t["project_features.1.bias"])
    x = x @ t["project_features.2.weight"].T + t["project_features.2.bias"]
    p = x
    for number in range(1, 6):
        layer = f"relative_positional_encoder.{number}.0."
        p = functional.conv1d(p.mT, t[layer + "weight"], t[layer + "bias"], padding=9, groups=16).mT
        p = functional.gelu(functional.layer_norm(p, (sizes.width,)))
    x = torch.cat([t["extra_tokens"], x + p], dim=1)[0]
    frames, heads, size = len(x) - 10, sizes.heads, sizes.width // sizes.heads
    bias = torch.zeros(heads, len(x), len(x))
    for head in range(heads):
        slope = 2 ** (-8 * (head + 1) / heads) * max(0.0, float(t["alibi_scale"].flatten()[head]))
        for i in range(frames):
            bias[head, 10 + i, 10:] = -slope * (torch.arange(frames) - i).abs()

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (sizes.width,), t[f"{name}.weight"], t[f"{name}.bias"])

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    x = norm(x, "context_encoder.norm")
    blocks = [f"context_encoder.blocks.{n}." for n in range(sizes.prenet)] + [
        f"blocks.{n}." for n in range(sizes.blocks)
    ]
    for block in blocks:
        q, k, v = linear(x, block + "attn.qkv").view(-1, 3, heads, size).permute(1, 2, 0, 3)
        weights = ((q * size**-0.5) @ k.mT + bias).softmax(2)
        x = norm(x + linear((weights @ v).transpose(0, 1).flatten(1), block + "attn.proj"), block + "norm1")
        x = norm(x + linear(functional.gelu(linear(x, block + "mlp.fc1")), block + "mlp.fc2"), block + "norm2")
    features = x[10:]
    return features, features @ t["proj.weight"].T + t["proj.bias"]


def close(one: Tensor, other: Tensor, bound: float) -> None:
    """Equal to `bound` of the largest."""
    assert one.shape == other.shape
    assert float((one - other).abs().max()) <= bound * float(other.abs().max())


@pytest.mark.parametrize("seconds", SECONDS)
def test_features_and_logits_are_those_of_the_paper(
    net: Emotion2vec, tensors: dict[str, Tensor], seconds: float
) -> None:
    (wave,) = clips(seconds)
    features, logits = net(normalised(wave)[None])
    expected = by_the_paper(tensors, wave, TINY)
    close(features[0], expected[0], 1e-4)
    close(logits[0], expected[1], 1e-4)
    assert features.shape[1] == frames_in(len(wave))


def test_the_mean_of_frame_logits_gives_the_scores_of_the_clip(net: Emotion2vec) -> None:
    (wave,) = clips(2.0)
    features, logits = net(normalised(wave)[None])
    utterance = net.head(features.mean(1)).softmax(1)
    assert float((logits.mean(1).softmax(1) - utterance).abs().max()) < 1e-6


@pytest.mark.parametrize("seconds", [(1.0, 1.0, 1.0), SECONDS, (3.0, 0.4)])
def test_a_batch_gives_what_its_clips_give_alone(net: Emotion2vec, seconds: tuple[float, ...]) -> None:
    waves = [normalised(wave) for wave in clips(*seconds)]
    lengths = torch.tensor([len(wave) for wave in waves])
    together, logits = net(torch.nn.utils.rnn.pad_sequence(waves, batch_first=True, padding_value=9.0), lengths)
    for row, wave in enumerate(waves):
        alone, own = net(wave[None])
        close(together[row, : alone.shape[1]], alone[0], 1e-4)
        assert float((logits[row, : own.shape[1]].mean(0).softmax(0) - own[0].mean(0).softmax(0)).abs().max()) < 1e-5


def test_loudness_hardly_matters(net: Emotion2vec) -> None:
    (wave,) = clips(1.0)
    close(net(normalised(8 * wave)[None])[0], net(normalised(wave)[None])[0], 1e-2)


@pytest.mark.parametrize(
    ("heads", "expected"), [(4, [2**-2, 2**-4, 2**-6, 2**-8]), (16, [2 ** -(n / 2) for n in range(1, 17)])]
)
def test_slopes_of_a_power_of_two(heads: int, expected: list[float]) -> None:
    assert slopes(heads) == pytest.approx(expected)


def test_slopes_of_twelve_heads() -> None:
    assert [math.log2(slope) for slope in slopes(12)] == pytest.approx([*range(-1, -9, -1), -0.5, -1.5, -2.5, -3.5])


@pytest.mark.parametrize("samples", [0, RECEPTIVE_SAMPLES - 1, RECEPTIVE_SAMPLES, 719, 720, 48_000])
def test_frames_are_counted_as_the_convolutions_make_them(net: Emotion2vec, samples: int) -> None:
    expected = {0: 0, 399: 0, 400: 1, 719: 1, 720: 2, 48_000: 149}[samples]
    assert frames_in(samples) == expected
    if expected:
        assert net.local(torch.zeros(1, samples)).shape[1] == expected


def test_the_large_model_has_as_many_tensors_and_parameters_as_the_published_one() -> None:
    shapes = emotion_shapes(LARGE)
    assert len(shapes) == 185
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == pytest.approx(162.14e6, rel=1e-4)


# --- tensors that do not fit


def test_what_only_training_needs_is_left_out(tensors: dict[str, Tensor]) -> None:
    more = {"d2v_model.modality_encoders.AUDIO.decoder.blocks.0.0.weight": torch.zeros(3), "_ema": torch.zeros(1)}
    assert official.emotion2vec({**tensors, **more}, 1e-5, "tiny")


@pytest.mark.parametrize("name", ["proj.weight", AUDIO + "alibi_scale", "d2v_model.blocks.1.attn.qkv.bias"])
def test_a_missing_tensor_is_named(tensors: dict[str, Tensor], name: str) -> None:
    with pytest.raises(CheckpointError, match=r"somewhere: .*missing"):
        official.emotion2vec({key: tensor for key, tensor in tensors.items() if key != name}, 1e-5, "somewhere")


def test_a_surplus_tensor_is_named(tensors: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"1 tensor\(s\) \(encoder.layers.0.weight\) that no such network has"):
        official.emotion2vec({**tensors, "encoder.layers.0.weight": torch.zeros(2)}, 1e-5, "somewhere")


def test_a_wrong_shape_is_named_with_the_right_one(tensors: dict[str, Tensor]) -> None:
    wrong = {**tensors, "d2v_model.blocks.0.mlp.fc1.weight": torch.zeros(128, 33)}
    with pytest.raises(
        CheckpointError, match=r"blocks.1.fc1.weight .* has the shape \(128, 33\), expected \(128, 32\)"
    ):
        official.emotion2vec(wrong, 1e-5, "somewhere")
