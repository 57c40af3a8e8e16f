"""CAM++ on small networks in the published layout, and Kaldi's filter bank."""

from __future__ import annotations

import kaldi_native_fbank as knf
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.layouts import CAMPPLUS, SMALL, random_tensors, speaker_shapes
from inference import official
from inference.campplus import Campplus, around
from inference.campplus_rows import RowsCampplus
from inference.kaldi import KaldiFbank, centred
from inference.model import CheckpointError
from tests.inference.test_emotion2vec import close


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_tensors(speaker_shapes(SMALL), 3)


@pytest.fixture(scope="module")
def net(tensors: dict[str, Tensor]) -> Campplus:
    return official.campplus(tensors, "small")


def by_the_paper(t: dict[str, Tensor], features: Tensor) -> Tensor:
    """The network written down once more, one clip at a time, from the published tensors alone."""

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias = t.get(f"{name}.weight"), t.get(f"{name}.bias")
        return functional.batch_norm(x, t[f"{name}.running_mean"], t[f"{name}.running_var"], weight, bias)

    x = functional.conv2d(features.mT[None, None], t["head.conv1.weight"], padding=1)
    x = norm(x, "head.bn1").relu()
    for layer in ("head.layer1", "head.layer2"):
        for block, stride in ((0, 2), (1, 1)):
            name = f"{layer}.{block}"
            y = norm(
                functional.conv2d(x, t[f"{name}.conv1.weight"], stride=(stride, 1), padding=1), f"{name}.bn1"
            ).relu()
            y = norm(functional.conv2d(y, t[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
            if stride == 2:
                x = norm(functional.conv2d(x, t[f"{name}.shortcut.0.weight"], stride=(2, 1)), f"{name}.shortcut.1")
            x = (x + y).relu()
    x = norm(functional.conv2d(x, t["head.conv2.weight"], stride=(2, 1), padding=1), "head.bn2").relu()
    x = x.reshape(1, -1, x.shape[3])
    x = functional.conv1d(x, t["xvector.tdnn.linear.weight"], stride=2, padding=2)
    x = norm(x, "xvector.tdnn.nonlinear.batchnorm").relu()
    for block, (layers, dilation) in enumerate(zip(SMALL.layers, (1, 2, 2), strict=True), start=1):
        for number in range(1, layers + 1):
            name = f"xvector.block{block}.tdnnd{number}"
            y = functional.conv1d(norm(x, f"{name}.nonlinear1.batchnorm").relu(), t[f"{name}.linear1.weight"])
            y = norm(y, f"{name}.nonlinear2.batchnorm").relu()
            context = torch.zeros_like(y)
            for start in range(0, y.shape[2], 100):
                context[:, :, start : start + 100] = y[:, :, start : start + 100].mean(2, keepdim=True)
            context = context + y.mean(2, keepdim=True)
            cam = f"{name}.cam_layer."
            mask = functional.conv1d(context, t[cam + "linear1.weight"], t[cam + "linear1.bias"]).relu()
            mask = functional.conv1d(mask, t[cam + "linear2.weight"], t[cam + "linear2.bias"]).sigmoid()
            local = functional.conv1d(y, t[cam + "linear_local.weight"], padding=dilation, dilation=dilation)
            x = torch.cat([x, local * mask], dim=1)
        x = norm(x, f"xvector.transit{block}.nonlinear.batchnorm").relu()
        x = functional.conv1d(x, t[f"xvector.transit{block}.linear.weight"])
    x = norm(x, "xvector.out_nonlinear.batchnorm").relu()
    pooled = torch.cat([x.mean(2), x.std(2)], dim=1)[:, :, None]
    return norm(functional.conv1d(pooled, t["xvector.dense.linear.weight"]), "xvector.dense.nonlinear.batchnorm")[
        0, :, 0
    ]


@pytest.mark.parametrize("frames", [38, 148, 201, 498])
def test_an_embedding_is_that_of_the_paper(net: Campplus, tensors: dict[str, Tensor], frames: int) -> None:
    features = torch.randn(frames, 80, generator=torch.Generator().manual_seed(frames))
    close(net(features[None])[0], by_the_paper(tensors, features), 1e-4)


@pytest.mark.parametrize("frames", [38, 100, 101, 148, 250, 498])
def test_laid_out_in_rows_it_is_the_same(net: Campplus, frames: int) -> None:
    features = torch.randn(3, frames, 80, generator=torch.Generator().manual_seed(frames))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.inference_mode():
        close(RowsCampplus(net)(features), net(features), 1e-5)
    assert all(bool((net.state_dict()[name] == tensor).all()) for name, tensor in before.items())


def test_a_batch_gives_what_its_clips_give_alone(net: Campplus) -> None:
    features = torch.randn(5, 148, 80, generator=torch.Generator().manual_seed(1))
    together = net(features)
    for row, clip in enumerate(features):
        close(together[row], net(clip[None])[0], 1e-4)


def test_the_last_segment_around_a_frame_may_be_short() -> None:
    x = torch.arange(250.0)[None, None]
    means = around(x)[0, 0]
    assert means[[0, 99, 100, 199, 200, 249]].tolist() == [49.5, 49.5, 149.5, 149.5, 224.5, 224.5]


def test_the_published_network_has_as_many_parameters_as_its_paper_says() -> None:
    trained = {
        name: shape for name, shape in speaker_shapes(CAMPPLUS).items() if not name.endswith(("mean", "var", "tracked"))
    }
    assert sum(torch.Size(shape).numel() for shape in trained.values()) == 6_848_544


def test_a_missing_and_a_surplus_tensor_are_named(tensors: dict[str, Tensor]) -> None:
    lacking = {name: each for name, each in tensors.items() if name != "xvector.transit2.nonlinear.batchnorm.weight"}
    with pytest.raises(CheckpointError, match=r"blocks\.1\.bn\.weight"):
        official.campplus(lacking, "somewhere")
    with pytest.raises(CheckpointError, match=r"\(xvector\.extra\) that no such network has"):
        official.campplus({**tensors, "xvector.extra": torch.zeros(1)}, "somewhere")


def test_the_filter_bank_is_kaldis() -> None:
    options = knf.FbankOptions()
    options.frame_opts.dither, options.mel_opts.num_bins = 0.0, 80
    wave = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    reference = knf.OnlineFbank(options)
    reference.accept_waveform(16_000, wave.tolist())
    reference.input_finished()
    expected = np.stack([reference.get_frame(n) for n in range(reference.num_frames_ready)])
    found = KaldiFbank()(torch.from_numpy(wave)[None])[0]
    assert found.shape == expected.shape == (148, 80)
    assert float((found - torch.from_numpy(expected)).abs().max()) < 2e-3


def test_the_filter_bank_of_a_batch_is_that_of_its_clips() -> None:
    fbank, waves = KaldiFbank(), torch.randn(3, 16_000, generator=torch.Generator().manual_seed(2))
    together = fbank(waves)
    assert together.shape == (3, 98, 80)
    for row, wave in enumerate(waves):
        torch.testing.assert_close(together[row], fbank(wave[None])[0], rtol=1e-5, atol=1e-5)
    assert float(centred(together).mean(1).abs().max()) < 1e-5


def test_silence_has_finite_features() -> None:
    assert torch.isfinite(KaldiFbank()(torch.zeros(1, 16_000))).all()
