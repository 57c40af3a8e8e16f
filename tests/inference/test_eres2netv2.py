"""ERes2NetV2 on small networks in the published layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.layouts import (
    ERES2NETV2,
    NARROW,
    NARROW_PARTS,
    SMALL,
    Eres2netv2Sizes,
    eres2netv2_shapes,
    random_tensors,
    speaker_shapes,
    write_eres2netv2,
)
from inference import layout, official
from inference.campplus import Campplus
from inference.eres2netv2 import CEILING, Block, Eres2netv2, Fusion
from inference.model import CheckpointError
from monitor.analysis import Role, SpeakerAnalysis
from tests.inference.test_emotion2vec import close
from tests.inference.test_hub import window

KINDS = {"two parts": NARROW, "three parts": NARROW_PARTS}


@pytest.fixture(scope="module", params=list(KINDS))
def sizes(request: pytest.FixtureRequest) -> Eres2netv2Sizes:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def tensors(sizes: Eres2netv2Sizes) -> dict[str, Tensor]:
    return random_tensors(eres2netv2_shapes(sizes), 3)


@pytest.fixture(scope="module")
def net(tensors: dict[str, Tensor]) -> Eres2netv2:
    return official.eres2netv2(tensors, "small")


def noise(batch: int, frames: int) -> Tensor:
    return torch.randn(batch, frames, 80, generator=torch.Generator().manual_seed(frames))


def by_the_paper(t: dict[str, Tensor], sizes: Eres2netv2Sizes, features: Tensor) -> Tensor:
    """The network written down once more, one clip at a time, from the published tensors alone."""

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = t[f"{conv}.weight"]
        x = functional.conv2d(x, weight, t.get(f"{conv}.bias"), stride, padding=weight.shape[2] // 2)
        return functional.batch_norm(
            x, t[f"{norm}.running_mean"], t[f"{norm}.running_var"], t[f"{norm}.weight"], t[f"{norm}.bias"]
        )

    def fused(x: Tensor, y: Tensor, name: str) -> Tensor:
        a = functional.silu(layer(torch.cat([x, y], dim=1), f"{name}.local_att.0", f"{name}.local_att.1"))
        a = layer(a, f"{name}.local_att.3", f"{name}.local_att.4").tanh()
        return x * (1 + a) + y * (1 - a)

    x = layer(features.mT[None, None], "conv1", "bn1").relu()
    stages = []
    for stage, count in enumerate(sizes.blocks, start=1):
        for number in range(count):
            name, stride = f"layer{stage}.{number}.", 2 if stage > 1 and number == 0 else 1
            y = layer(x, name + "conv1", name + "bn1", stride).clamp(0, 20)
            width, heard = y.shape[1] // sizes.scale, []
            for part in range(sizes.scale):
                own = y[:, part * width : (part + 1) * width]
                if part and stage > 2:
                    own = fused(heard[-1], own, f"{name}fuse_models.{part - 1}")
                elif part:
                    own = heard[-1] + own
                heard.append(layer(own, f"{name}convs.{part}", f"{name}bns.{part}").clamp(0, 20))
            y = layer(torch.cat(heard, dim=1), name + "conv3", name + "bn3")
            if number == 0:
                x = layer(x, name + "shortcut.0", name + "shortcut.1", stride)
            x = (x + y).clamp(0, 20)
        stages.append(x)
    down = functional.conv2d(stages[2], t["layer3_ds.weight"], stride=2, padding=1)
    x = fused(stages[3], down, "fuse34")[0].flatten(0, 1)
    pooled = torch.cat([x.mean(1), (x.var(1) + 1e-8).sqrt()])
    return t["seg_1.weight"] @ pooled + t["seg_1.bias"]


@pytest.mark.parametrize("frames", [9, 38, 148, 299])
def test_an_embedding_is_that_of_the_paper(
    net: Eres2netv2, tensors: dict[str, Tensor], sizes: Eres2netv2Sizes, frames: int
) -> None:
    features = noise(1, frames)
    close(net(features)[0], by_the_paper(tensors, sizes, features[0]), 1e-4)


def test_a_batch_gives_what_its_clips_give_alone(net: Eres2netv2) -> None:
    features = noise(5, 148)
    together = net(features)
    for row, clip in enumerate(features):
        close(together[row], net(clip[None])[0], 1e-4)


def test_where_nothing_leans_a_fusion_is_the_sum() -> None:
    fusion = Fusion(8).eval()
    one, other = torch.randn(2, 1, 8, 3, 4, generator=torch.Generator().manual_seed(0))
    for leaning, expected in ((0.0, one + other), (100.0, 2 * one), (-100.0, 2 * other)):
        assert fusion.bn2.bias is not None
        torch.nn.init.zeros_(fusion.bn2.weight)
        torch.nn.init.constant_(fusion.bn2.bias, leaning)
        torch.testing.assert_close(fusion(one, other), expected)


def test_blocks_cut_off_what_is_loud(net: Eres2netv2) -> None:
    block = net.stages[0][0]
    assert isinstance(block, Block)
    loud = block(1000 * torch.randn(1, block.conv1.in_channels, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert float(loud.max()) == CEILING
    assert float(loud.min()) == 0.0


def test_the_published_network_has_as_many_parameters_as_its_authors_say() -> None:
    trained = {
        name: shape
        for name, shape in eres2netv2_shapes(ERES2NETV2).items()
        if not name.endswith(("mean", "var", "tracked"))
    }
    assert sum(torch.Size(shape).numel() for shape in trained.values()) == 17_859_632  # they say 17.86 million


def test_a_speaker_checkpoint_is_known_by_its_tensors(tensors: dict[str, Tensor]) -> None:
    assert isinstance(official.speaker(tensors, "small"), Eres2netv2)
    assert isinstance(official.speaker(random_tensors(speaker_shapes(SMALL)), "small"), Campplus)


def test_a_missing_and_a_surplus_tensor_are_named(tensors: dict[str, Tensor]) -> None:
    lacking = {name: each for name, each in tensors.items() if name != "layer3.1.fuse_models.0.local_att.1.bias"}
    with pytest.raises(CheckpointError, match=r"stages\.2\.1\.fusions\.0\.bn1\.bias"):
        official.eres2netv2(lacking, "somewhere")
    with pytest.raises(CheckpointError, match=r"\(seg_2\.weight\) that no such network has"):
        official.eres2netv2({**tensors, "seg_2.weight": torch.zeros(1)}, "somewhere")
    with pytest.raises(CheckpointError, match=r"stages\.0\.0\.extra"):
        official.eres2netv2({**tensors, "layer1.0.extra": torch.zeros(1)}, "somewhere")


def test_a_tensor_of_another_size_is_named(tensors: dict[str, Tensor]) -> None:
    wrong = {**tensors, "layer4.0.conv3.weight": tensors["layer4.0.conv3.weight"][1:]}
    with pytest.raises(CheckpointError, match=r"stages\.3\.0\.conv3\.weight .* has the shape"):
        official.eres2netv2(wrong, "somewhere")


def test_a_folder_gives_a_speaker_model_that_takes_windows_of_any_length(tmp_path: Path) -> None:
    folder = write_eres2netv2(tmp_path)
    assert layout.role_in(layout.weights_in(folder)) is Role.SPEAKER
    model = layout.load(str(folder), Role.SPEAKER, "cpu")
    windows = [window(Role.SPEAKER, seconds, n) for n, seconds in enumerate((1.5, 0.6, 1.5, 0.125, 0.6))]
    for each, analysis in zip(windows, model.analyse(windows), strict=True):
        (alone,) = model.analyse([each])
        assert isinstance(analysis, SpeakerAnalysis)
        assert isinstance(alone, SpeakerAnalysis)
        assert analysis.embedding.shape == (12,)
        close(torch.from_numpy(analysis.embedding), torch.from_numpy(alone.embedding), 1e-4)
