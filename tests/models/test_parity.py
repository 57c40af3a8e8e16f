"""Our networks against the reference packages at their true sizes: the same random weights, the same audio, fp32.

`make test-models` installs the references, which nothing else needs, and runs this.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.layouts import (
    BASE,
    CAMPPLUS,
    ERES2NETV2,
    ERES2NETV2_W24S4EP4,
    LARGE,
    emotion_shapes,
    eres2netv2_shapes,
    random_tensors,
    speaker_shapes,
)
from benchmarks.references import reference_emotion, reference_eres2netv2, reference_speaker
from inference import official
from inference.emotion2vec import Emotion2vec, normalised
from inference.eres2netv2 import Eres2netv2
from inference.eres2netv2_quick import QuickEres2netv2
from inference.kaldi import KaldiFbank, centred

pytest.importorskip("funasr", reason="the reference is installed by `make test-models`")

SECONDS = (0.4, 1.0, 1.5, 3.0, 7.3, 30.0)
FRAMES_BOUND, SCORES_BOUND = 1e-4, 1e-5
FBANK_BOUND = 1e-3
"""Where each computes the filter bank for itself."""
ROUNDING_BOUND = 1e-12
"""In 64 bits."""
KINDS = {"base": BASE, "large": LARGE}
ERES2NETV2_KINDS = {"w26s2ep2": ERES2NETV2, "w24s4ep4": ERES2NETV2_W24S4EP4}


def wave(seconds: float, seed: int = 0) -> Tensor:
    """Something that rises, falls and has pauses, as speech does."""
    dice = np.random.default_rng(seed)
    t = np.arange(round(16_000 * seconds)) / 16_000
    voice = sum(np.sin(2 * np.pi * (120 + 20 * np.sin(t)) * k * t) / k for k in range(1, 20))
    samples = 0.1 * voice * (np.sin(2 * np.pi * 1.3 * t) > -0.3) + dice.normal(0, 0.003, len(t))
    return torch.from_numpy(samples.astype(np.float32))


@pytest.fixture(scope="module", params=list(KINDS))
def emotion(request: pytest.FixtureRequest) -> tuple[Emotion2vec, Any]:
    sizes = KINDS[request.param]
    tensors = random_tensors(emotion_shapes(sizes), 1)
    return official.emotion2vec(tensors, float(sizes.eps), request.param), reference_emotion(sizes, tensors)


def scores(logits: Tensor) -> Tensor:
    return logits.mean(0).softmax(0)


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    assert one.shape == other.shape
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("seconds", SECONDS)
@torch.inference_mode()
def test_emotion2vec_gives_what_the_reference_gives(emotion: tuple[Emotion2vec, Any], seconds: float) -> None:
    ours, reference = emotion
    clip = wave(seconds)
    expected = reference.extract_features(functional.layer_norm(clip, clip.shape)[None])["x"]
    features, logits = ours(normalised(clip)[None])
    assert apart(features, expected) < FRAMES_BOUND
    assert float((scores(logits[0]) - reference.proj(expected.mean(1))[0].softmax(0)).abs().max()) < SCORES_BOUND


@pytest.mark.parametrize("seconds", [(3.0,) * 4, (0.4, 1.0, 3.0, 5.2)])
@torch.inference_mode()
def test_a_batch_of_emotion2vec_equals_its_clips(emotion: tuple[Emotion2vec, Any], seconds: tuple[float, ...]) -> None:
    ours, reference = emotion
    clips = [normalised(wave(each, n)) for n, each in enumerate(seconds)]
    lengths = torch.tensor([len(clip) for clip in clips])
    features, logits = ours(torch.nn.utils.rnn.pad_sequence(clips, batch_first=True), lengths)
    for row, clip in enumerate(clips):
        expected = reference.extract_features(clip[None])["x"][0]
        assert apart(features[row, : len(expected)], expected) < FRAMES_BOUND
        found = scores(logits[row, : len(expected)])
        assert float((found - reference.proj(expected.mean(0)).softmax(0)).abs().max()) < SCORES_BOUND


@pytest.mark.parametrize("seconds", SECONDS)
@torch.inference_mode()
def test_campplus_gives_what_the_reference_gives(seconds: float) -> None:
    tensors = random_tensors(speaker_shapes(CAMPPLUS), 2)
    reference = reference_speaker(tensors)
    ours = official.campplus(tensors, "true size")
    features = torch.stack([centred(KaldiFbank()(wave(seconds, n)[None]))[0] for n in range(3)])
    expected = reference(features)
    assert apart(ours(features), expected) < FRAMES_BOUND
    assert apart(ours(features[1:2]), expected[1:2]) < FRAMES_BOUND


@pytest.fixture(scope="module", params=list(ERES2NETV2_KINDS))
def eres2netv2(request: pytest.FixtureRequest) -> tuple[Eres2netv2, Any]:
    tensors = random_tensors(eres2netv2_shapes(ERES2NETV2_KINDS[request.param]), 2)
    return official.eres2netv2(tensors, request.param), reference_eres2netv2(tensors)


@pytest.mark.parametrize(
    ("eres2netv2", "seconds"),
    [*(("w26s2ep2", seconds) for seconds in SECONDS), *(("w24s4ep4", seconds) for seconds in SECONDS[:-1])],
    indirect=["eres2netv2"],
)
@torch.inference_mode()
def test_eres2netv2_gives_what_the_reference_gives(eres2netv2: tuple[Eres2netv2, Any], seconds: float) -> None:
    ours, reference = eres2netv2
    features = torch.stack([centred(KaldiFbank()(wave(seconds, n)[None]))[0] for n in range(2)])
    expected = reference(features)
    assert apart(expected[:1], expected[1:]) > 100 * FRAMES_BOUND  # else it says nothing that clips agree
    assert apart(ours(features[1:]), expected[1:]) < FRAMES_BOUND
    assert apart(QuickEres2netv2(ours)(features), expected) < FRAMES_BOUND


@torch.inference_mode()
def test_eres2netv2_differs_by_rounding_only(eres2netv2: tuple[Eres2netv2, Any]) -> None:
    ours, reference = (copy.deepcopy(net).double() for net in eres2netv2)
    features = torch.randn(2, 148, 80, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = reference(features)
    assert apart(ours(features), expected) < ROUNDING_BOUND
    assert apart(QuickEres2netv2(ours)(features), expected) < ROUNDING_BOUND


@torch.inference_mode()
def test_audio_gives_the_embedding_that_the_reference_makes_of_it(eres2netv2: tuple[Eres2netv2, Any]) -> None:
    ours, reference = eres2netv2
    clip = wave(1.5)
    results, _ = reference.inference([clip], device="cpu")
    found = ours(centred(KaldiFbank()(clip[None])))
    assert apart(found, results[0]["spk_embedding"]) < FBANK_BOUND


def test_the_folder_layout_is_what_the_reference_reads(tmp_path: Path) -> None:
    from benchmarks.layouts import write_emotion

    content = torch.load(write_emotion(tmp_path, BASE) / "model.pt", weights_only=True)["model"]
    assert all(name.startswith(("d2v_model.", "proj.")) for name in content)
