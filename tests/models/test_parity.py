"""Our networks against the reference packages at their true sizes: the same random weights, the same audio, fp32.

`make test-models` installs the references, which nothing else needs, and runs this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference import official
from inference.emotion2vec import Emotion2vec, normalised
from inference.kaldi import KaldiFbank, centred
from tests.inference.layouts import (
    BASE,
    CAMPPLUS,
    LARGE,
    EmotionSizes,
    emotion_shapes,
    random_tensors,
    speaker_shapes,
)

pytest.importorskip("funasr", reason="the reference is installed by `make test-models`")

SECONDS = (0.4, 1.0, 1.5, 3.0, 7.3, 30.0)
FRAMES_BOUND, SCORES_BOUND = 1e-4, 1e-5
KINDS = {"base": BASE, "large": LARGE}


def wave(seconds: float, seed: int = 0) -> Tensor:
    """Something that rises, falls and has pauses, as speech does."""
    dice = np.random.default_rng(seed)
    t = np.arange(round(16_000 * seconds)) / 16_000
    voice = sum(np.sin(2 * np.pi * (120 + 20 * np.sin(t)) * k * t) / k for k in range(1, 20))
    samples = 0.1 * voice * (np.sin(2 * np.pi * 1.3 * t) > -0.3) + dice.normal(0, 0.003, len(t))
    return torch.from_numpy(samples.astype(np.float32))


def reference_emotion(sizes: EmotionSizes, tensors: dict[str, Tensor]) -> Any:
    from funasr.models.emotion2vec.model import Emotion2vec as Reference

    audio = {
        "type": "AUDIO", "prenet_depth": sizes.prenet, "prenet_layerdrop": 0.0, "prenet_dropout": 0.0,
        "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0, "num_extra_tokens": 10, "init_extra_token_zero": True,
        "mask_noise_std": 0.01, "mask_prob_min": None, "mask_prob": 0.5, "inverse_mask": False,
        "mask_prob_adjust": 0.05, "keep_masked_pct": 0.0, "mask_length": 5, "add_masks": False, "remove_masks": False,
        "mask_dropout": 0.0, "encoder_zero_mask": True, "mask_channel_prob": 0.0, "mask_channel_length": 64,
        "ema_local_encoder": False, "local_grad_mult": 1.0, "use_alibi_encoder": True, "alibi_scale": 1.0,
        "learned_alibi": False, "alibi_max_pos": None, "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": True, "learned_alibi_scale_per_layer": False, "num_alibi_heads": sizes.heads,
        "model_depth": sizes.blocks, "decoder": None, "extractor_mode": "layer_norm",
        "feature_encoder_spec": f"[({sizes.channels}, 10, 5)] + [({sizes.channels}, 3, 2)] * 4"
        f" + [({sizes.channels},2,2)] + [({sizes.channels},2,2)]",
        "conv_pos_width": 95, "conv_pos_groups": 16, "conv_pos_depth": 5, "conv_pos_pre_ln": False,
    }  # fmt: skip
    conf = {
        "depth": sizes.blocks, "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0, "num_heads": sizes.heads,
        "norm_eps": float(sizes.eps), "norm_affine": True, "encoder_dropout": 0.0, "post_mlp_drop": 0.0,
        "attention_dropout": 0.0, "activation_dropout": 0.0, "dropout_input": 0.0, "layerdrop": 0.0,
        "embed_dim": sizes.width, "mlp_ratio": 4.0, "layer_norm_first": False, "average_top_k_layers": sizes.blocks,
        "end_of_block_targets": False, "clone_batch": 1, "loss_beta": 0.0, "loss_scale": None, "normalize": True,
        "modalities": {"audio": audio},
    }  # fmt: skip
    net = Reference(model_conf=conf, vocab_size=sizes.labels).eval()
    own = {name.removeprefix("d2v_model."): tensor for name, tensor in tensors.items()}
    assert set(own) == set(net.state_dict())
    net.load_state_dict(own)
    return net


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
    from funasr.models.campplus.model import CAMPPlus

    tensors = random_tensors(speaker_shapes(CAMPPLUS), 2)
    reference = CAMPPlus(feat_dim=80, embedding_size=192).eval()
    assert set(tensors) == set(reference.state_dict())
    reference.load_state_dict(tensors)
    ours = official.campplus(tensors, "true size")
    features = torch.stack([centred(KaldiFbank()(wave(seconds, n)[None]))[0] for n in range(3)])
    expected = reference(features)
    assert apart(ours(features), expected) < FRAMES_BOUND
    assert apart(ours(features[1:2]), expected[1:2]) < FRAMES_BOUND


def test_the_folder_layout_is_what_the_reference_reads(tmp_path: Path) -> None:
    from tests.inference.layouts import write_emotion

    content = torch.load(write_emotion(tmp_path, BASE) / "model.pt", weights_only=True)["model"]
    assert all(name.startswith(("d2v_model.", "proj.")) for name in content)
