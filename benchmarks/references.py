"""The reference implementations of emotion2vec+, CAM++ and ERes2NetV2 (funasr), with given weights.

`make test-models` installs them; nothing but comparisons needs them.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from benchmarks.layouts import EmotionSizes


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


def reference_speaker(tensors: dict[str, Tensor]) -> Any:
    """CAM++. Raises ImportError without funasr."""
    from funasr.models.campplus.model import CAMPPlus

    net = CAMPPlus(feat_dim=80, embedding_size=192).eval()
    assert set(tensors) == set(net.state_dict())
    net.load_state_dict(tensors)
    return net


def reference_eres2netv2(tensors: dict[str, Tensor]) -> Any:
    """ERes2NetV2, of any published size. Raises ImportError without funasr."""
    from funasr.models.eres2net.model import ERes2NetV2SV

    channels, width = len(tensors["conv1.weight"]), len(tensors["layer1.0.convs.0.weight"])
    net = ERes2NetV2SV(
        m_channels=channels,
        baseWidth=64 * width // channels,
        scale=len(tensors["layer1.0.conv1.weight"]) // width,
        expansion=len(tensors["layer1.0.conv3.weight"]) // channels,
    ).eval()
    assert set(tensors) == set(net.model.state_dict())
    net.model.load_state_dict(tensors)
    return net
