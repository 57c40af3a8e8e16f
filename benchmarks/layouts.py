"""Checkpoints with random weights in the layout in which emotion2vec+, CAM++ and ERes2NetV2 are published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inference.emotion2vec import LAYERS
from monitor.labels import LABELS

CHINESE = ("生气", "厌恶", "恐惧", "开心", "中立", "其他", "难过", "吃惊")
TOKENS_TXT = "\n".join([*(f"{zh}/{en}" for zh, en in zip(CHINESE, LABELS, strict=False)), "<unk>"]) + "\n"


@dataclass(frozen=True, slots=True)
class EmotionSizes:
    width: int = 32
    heads: int = 4
    prenet: int = 1
    blocks: int = 2
    channels: int = 16
    labels: int = 9
    eps: str = "1e-05"


TINY, BASE, LARGE = EmotionSizes(), EmotionSizes(768, 12, 4, 8, 512), EmotionSizes(1024, 16, 4, 8, 512)
AUDIO = "d2v_model.modality_encoders.AUDIO."


def emotion_shapes(sizes: EmotionSizes) -> dict[str, tuple[int, ...]]:
    """The tensors that inference needs, by their published names."""
    width, channels = sizes.width, sizes.channels
    shapes: dict[str, tuple[int, ...]] = {
        AUDIO + "alibi_scale": (1, 1, sizes.heads, 1, 1),
        AUDIO + "extra_tokens": (1, 10, width),
        AUDIO + "project_features.1.weight": (channels,),
        AUDIO + "project_features.1.bias": (channels,),
        AUDIO + "project_features.2.weight": (width, channels),
        AUDIO + "project_features.2.bias": (width,),
        AUDIO + "context_encoder.norm.weight": (width,),
        AUDIO + "context_encoder.norm.bias": (width,),
        "proj.weight": (sizes.labels, width),
        "proj.bias": (sizes.labels,),
    }
    for number, (kernel, _) in enumerate(LAYERS):
        layer = f"{AUDIO}local_encoder.conv_layers.{number}."
        shapes[layer + "0.weight"] = (channels, channels if number else 1, kernel)
        shapes[layer + "2.1.weight"] = shapes[layer + "2.1.bias"] = (channels,)
    for number in range(1, 6):
        layer = f"{AUDIO}relative_positional_encoder.{number}.0."
        shapes[layer + "weight"] = (width, width // 16, 19)
        shapes[layer + "bias"] = (width,)
    blocks = [f"{AUDIO}context_encoder.blocks.{number}." for number in range(sizes.prenet)]
    for block in [*blocks, *(f"d2v_model.blocks.{number}." for number in range(sizes.blocks))]:
        for part, (out, into) in {
            "attn.qkv": (3 * width, width), "attn.proj": (width, width),
            "mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width),
        }.items():  # fmt: skip
            shapes[f"{block}{part}.weight"], shapes[f"{block}{part}.bias"] = (out, into), (out,)
        for norm in ("norm1", "norm2"):
            shapes[f"{block}{norm}.weight"] = shapes[f"{block}{norm}.bias"] = (width,)
    return shapes


@dataclass(frozen=True, slots=True)
class SpeakerSizes:
    head: int = 4
    first: int = 16
    growth: int = 8
    bottleneck: int = 16
    layers: tuple[int, ...] = (2, 3, 2)
    embedding: int = 12


SMALL, CAMPPLUS = SpeakerSizes(), SpeakerSizes(32, 128, 32, 128, (12, 24, 16), 192)


def speaker_shapes(sizes: SpeakerSizes) -> dict[str, tuple[int, ...]]:
    """The tensors of CAM++ by their published names."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int, affine: bool = True) -> None:
        for part in (("weight", "bias") if affine else ()) + ("running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    head = sizes.head
    shapes["head.conv1.weight"] = (head, 1, 3, 3)
    norm("head.bn1", head)
    for layer in ("head.layer1", "head.layer2"):
        for block in (0, 1):
            for part in (1, 2):
                shapes[f"{layer}.{block}.conv{part}.weight"] = (head, head, 3, 3)
                norm(f"{layer}.{block}.bn{part}", head)
        shapes[f"{layer}.0.shortcut.0.weight"] = (head, head, 1, 1)
        norm(f"{layer}.0.shortcut.1", head)
    shapes["head.conv2.weight"] = (head, head, 3, 3)
    norm("head.bn2", head)
    shapes["xvector.tdnn.linear.weight"] = (sizes.first, head * 10, 5)
    norm("xvector.tdnn.nonlinear.batchnorm", sizes.first)
    channels = sizes.first
    for block, layers in enumerate(sizes.layers, start=1):
        for number in range(1, layers + 1):
            layer = f"xvector.block{block}.tdnnd{number}."
            norm(layer + "nonlinear1.batchnorm", channels)
            shapes[layer + "linear1.weight"] = (sizes.bottleneck, channels, 1)
            norm(layer + "nonlinear2.batchnorm", sizes.bottleneck)
            shapes[layer + "cam_layer.linear_local.weight"] = (sizes.growth, sizes.bottleneck, 3)
            shapes[layer + "cam_layer.linear1.weight"] = (sizes.bottleneck // 2, sizes.bottleneck, 1)
            shapes[layer + "cam_layer.linear1.bias"] = (sizes.bottleneck // 2,)
            shapes[layer + "cam_layer.linear2.weight"] = (sizes.growth, sizes.bottleneck // 2, 1)
            shapes[layer + "cam_layer.linear2.bias"] = (sizes.growth,)
            channels += sizes.growth
        norm(f"xvector.transit{block}.nonlinear.batchnorm", channels)
        shapes[f"xvector.transit{block}.linear.weight"] = (channels // 2, channels, 1)
        channels //= 2
    norm("xvector.out_nonlinear.batchnorm", channels)
    shapes["xvector.dense.linear.weight"] = (sizes.embedding, 2 * channels, 1)
    norm("xvector.dense.nonlinear.batchnorm", sizes.embedding, affine=False)
    return shapes


@dataclass(frozen=True, slots=True)
class Eres2netv2Sizes:
    """By the publishers' names: `base_width` is that of a part of a block with 64 channels, `scale` their number."""

    channels: int = 8
    base_width: int = 32
    scale: int = 2
    expansion: int = 2
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    embedding: int = 12


TRUE_BLOCKS = (3, 4, 6, 3)
ADDED = ("bn3.weight", "local_att.4.weight")
"""Normalisations of what ERes2NetV2 adds to what is there, kept small: it would else add up from block to block, and
its rounding with it, until embeddings in 32 bits are no longer those in 64."""
NARROW, NARROW_PARTS = Eres2netv2Sizes(), Eres2netv2Sizes(base_width=16, scale=3, expansion=3)
ERES2NETV2 = Eres2netv2Sizes(64, 26, 2, 2, TRUE_BLOCKS, 192)
ERES2NETV2_W24S4EP4 = Eres2netv2Sizes(64, 24, 4, 4, TRUE_BLOCKS, 192)


def eres2netv2_shapes(sizes: Eres2netv2Sizes) -> dict[str, tuple[int, ...]]:
    """The tensors of ERes2NetV2 by their published names."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, out: int, into: int, kernel: int, norm: str) -> None:
        shapes[f"{name}.weight"] = (out, into, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = (out,)
        shapes[f"{norm}.num_batches_tracked"] = ()

    def fusion(name: str, channels: int) -> None:
        for number, (out, into) in ((0, (channels // 4, 2 * channels)), (3, (channels, channels // 4))):
            conv(f"{name}.local_att.{number}", out, into, 1, f"{name}.local_att.{number + 1}")
            shapes[f"{name}.local_att.{number}.bias"] = (out,)

    conv("conv1", sizes.channels, 1, 3, "bn1")
    channels = sizes.channels
    for stage, count in enumerate(sizes.blocks):
        planes = sizes.channels << stage
        out, width = planes * sizes.expansion, planes * sizes.base_width // 64
        for number in range(count):
            block = f"layer{stage + 1}.{number}."
            conv(block + "conv1", width * sizes.scale, channels, 1, block + "bn1")
            for part in range(sizes.scale):
                conv(f"{block}convs.{part}", width, width, 3, f"{block}bns.{part}")
                if stage >= 2 and part:
                    fusion(f"{block}fuse_models.{part - 1}", width)
            conv(block + "conv3", out, width * sizes.scale, 1, block + "bn3")
            if number == 0:
                conv(block + "shortcut.0", out, channels, 1, block + "shortcut.1")
            channels = out
    shapes["layer3_ds.weight"] = (channels, channels // 2, 3, 3)
    fusion("fuse34", channels)
    shapes["seg_1.weight"], shapes["seg_1.bias"] = (sizes.embedding, 2 * 10 * channels), (sizes.embedding,)
    return shapes


def random_tensors(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Weights of about the size that keeps what runs through a network at unit scale."""
    dice = torch.Generator().manual_seed(seed)
    out: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            out[name] = torch.tensor(1000)
        elif name.endswith("running_var"):
            out[name] = 0.5 + torch.rand(shape, generator=dice)
        elif name.endswith("alibi_scale"):
            out[name] = torch.randn(shape, generator=dice)  # some below zero: they are clamped
        elif len(shape) == 1:
            centre = 1.0 if name.endswith("weight") else 0.0
            out[name] = centre + 0.1 * torch.randn(shape, generator=dice)
            if name.endswith(ADDED):
                out[name] *= 0.25
        else:
            fan_in = torch.Size(shape[1:]).numel()
            out[name] = torch.randn(shape, generator=dice) * (1.4 / fan_in**0.5)
    return out


def write_emotion(folder: Path, sizes: EmotionSizes = TINY, seed: int = 0, tokens: str = TOKENS_TXT) -> Path:
    """A folder with model.pt, config.yaml and tokens.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"model": random_tensors(emotion_shapes(sizes), seed)}, folder / "model.pt")
    (folder / "config.yaml").write_text(f"model: Emotion2vec\nmodel_conf:\n    norm_eps: {sizes.eps}\n", "utf-8")
    (folder / "tokens.txt").write_text(tokens, "utf-8")
    return folder


def write_speaker(folder: Path, sizes: SpeakerSizes = SMALL, seed: int = 0) -> Path:
    """A folder with campplus_cn_common.bin."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(random_tensors(speaker_shapes(sizes), seed), folder / "campplus_cn_common.bin")
    return folder


def write_eres2netv2(folder: Path, sizes: Eres2netv2Sizes = NARROW, seed: int = 0) -> Path:
    """A folder with pretrained_eres2netv2.ckpt."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(random_tensors(eres2netv2_shapes(sizes), seed), folder / "pretrained_eres2netv2.ckpt")
    return folder
