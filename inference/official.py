"""The tensors of the published checkpoints of emotion2vec+, CAM++ and ERes2NetV2, and the networks made of them.

Everything is read strictly: each tensor of the network must be there, in its shape, and what is left over must be known
to be of use in training only. The sizes of a network are those of its tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn

from inference.campplus import Campplus, CampplusConfig
from inference.emotion2vec import LAYERS, Emotion2vec, Emotion2vecConfig
from inference.eres2netv2 import STAGES, Eres2netv2, Eres2netv2Config
from inference.model import CheckpointError

Tensors = Mapping[str, Tensor]
SpeakerNet = Campplus | Eres2netv2
NAMED = 6
"""So many of the tensors that are missing or surplus are named in a message."""
AUDIO = r"(?:d2v_model\.)?modality_encoders\.AUDIO\."
Rename = Callable[[re.Match[str]], str]
_BLOCK_PARTS = {"attn.qkv": "attention.qkv", "attn.proj": "attention.proj", "mlp.fc1": "fc1", "mlp.fc2": "fc2"}
_BLOCK = r"blocks\.(\d+)\.(attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2|norm1|norm2)\."
_TRAINING = re.compile(
    r"(?:d2v_model\.)?(_ema|ema|decoder|shared_decoder|recon_proj|cls_proj)\b|" + AUDIO + "decoder\\b"
)
_COUNTER = re.compile(r".*\.num_batches_tracked")
_NOTHING = re.compile(r"$^")
_FUSION_PARTS = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2"}
ERES2NETV2_DENSE = "seg_1.weight"
"""By this tensor an ERes2NetV2 is told from a CAM++."""


def _block(before: int) -> Rename:
    def named(match: re.Match[str]) -> str:
        return f"blocks.{int(match[1]) + before}.{_BLOCK_PARTS.get(match[2], match[2])}."

    return named


def _renamed(
    tensors: Tensors, rules: Collection[tuple[str, str | Rename]], training: re.Pattern[str], where: str
) -> Tensors:
    """The tensors under our names, without those that only training needs. Raises CheckpointError naming others."""
    compiled = [(re.compile(pattern), to) for pattern, to in rules]
    out: dict[str, Tensor] = {}
    surplus: list[str] = []
    for name, tensor in tensors.items():
        rule = next(((match, to) for pattern, to in compiled if (match := pattern.match(name))), None)
        if rule is not None:
            match, to = rule
            out[(match.expand(to) if isinstance(to, str) else to(match)) + name[match.end() :]] = tensor.float()
        elif not training.match(name):
            surplus.append(name)
    if surplus:
        raise CheckpointError(f"{where}: {_listed(surplus)} that no such network has; is it another kind of model?")
    return out


def _filled(net: nn.Module, tensors: Tensors, where: str) -> None:
    """Put the tensors into a network that was made on the device `meta`. Raises CheckpointError if they do not fit."""
    wanted = net.state_dict()
    missing = [name for name in wanted if name not in tensors and not _COUNTER.match(name)]
    if missing:
        raise CheckpointError(f"{where}: {_listed(missing)} missing (by our names); is the file whole?")
    for name, tensor in tensors.items():
        if name not in wanted:
            raise CheckpointError(f"{where}: there is a tensor too many, {name} (by our names)")
        if wanted[name].shape != tensor.shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            raise CheckpointError(f"{where}: {name} (by our names) has the shape {shapes}")
    given = {
        name: tensors[name] if name in tensors else torch.zeros_like(wanted[name], device="cpu") for name in wanted
    }
    net.load_state_dict(given, assign=True)
    net.requires_grad_(False).eval()


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} tensor(s) ({shown}{more})"


def _of(tensors: Tensors, name: str, where: str) -> Tensor:
    if name not in tensors:
        raise CheckpointError(f"{where}: the tensor {name} (by our names) is missing; is it another kind of model?")
    return tensors[name]


def _count(tensors: Tensors, pattern: str) -> int:
    found = [int(match[1]) for name in tensors if (match := re.match(pattern, name))]
    return max(found, default=-1) + 1


def emotion2vec(tensors: Tensors, block_eps: float, where: str) -> Emotion2vec:
    """The network of an emotion2vec+ checkpoint's tensors, for inference. `block_eps`: `norm_eps` of its config.yaml;
    `where` names it in messages. Raises CheckpointError."""
    prenet = _count(tensors, AUDIO + r"context_encoder\.blocks\.(\d+)\.")
    rules: list[tuple[str, str | Rename]] = [
        (AUDIO + r"local_encoder\.conv_layers\.(\d+)\.0\.", r"local.convs.\1."),
        (AUDIO + r"local_encoder\.conv_layers\.(\d+)\.2\.1\.", r"local.norms.\1."),
        (AUDIO + r"project_features\.1\.", "project_norm."),
        (AUDIO + r"project_features\.2\.", "project."),
        (AUDIO + r"relative_positional_encoder\.(\d+)\.0\.", lambda match: f"positions.convs.{int(match[1]) - 1}."),
        (AUDIO + r"(extra_tokens|alibi_scale)$", r"\1"),
        (AUDIO + r"context_encoder\.norm\.", "norm."),
        (AUDIO + r"context_encoder\." + _BLOCK, _block(0)),
        (r"(?:d2v_model\.)?" + _BLOCK, _block(prenet)),
        (r"proj\.", "head."),
    ]
    own = dict(_renamed(tensors, rules, _TRAINING, where))
    head, position = _of(own, "head.weight", where), _of(own, "positions.convs.0.weight", where)
    for name in ("extra_tokens", "alibi_scale"):
        own[name] = _of(own, name, where).squeeze()
    config = Emotion2vecConfig(
        width=head.shape[1],
        heads=len(own["alibi_scale"]),
        prenet=prenet,
        blocks=_count(own, r"blocks\.(\d+)\.") - prenet,
        labels=head.shape[0],
        block_eps=block_eps,
        channels=len(_of(own, f"local.convs.{len(LAYERS) - 1}.weight", where)),
        extra_tokens=len(own["extra_tokens"]),
        position_layers=_count(own, r"positions\.convs\.(\d+)\."),
        position_kernel=position.shape[2],
        position_groups=head.shape[1] // position.shape[1],
    )
    with torch.device("meta"):
        net = Emotion2vec(config)
    _filled(net, own, where)
    return net


def campplus(tensors: Tensors, where: str) -> Campplus:
    """The network of a CAM++ checkpoint's tensors, for inference. Raises CheckpointError."""
    layer = r"xvector\.block(\d+)\.tdnnd(\d+)\."

    def inside(part: str) -> Rename:
        return lambda match: f"blocks.{int(match[1]) - 1}.layers.{int(match[2]) - 1}.{part}."

    def transit(part: str) -> Rename:
        return lambda match: f"blocks.{int(match[1]) - 1}.{part}."

    rules: list[tuple[str, str | Rename]] = [
        (r"head\.", "head."),
        (r"xvector\.tdnn\.linear\.", "tdnn."),
        (r"xvector\.tdnn\.nonlinear\.batchnorm\.", "tdnn_bn."),
        (layer + r"nonlinear1\.batchnorm\.", inside("bn1")),
        (layer + r"linear1\.", inside("bottleneck")),
        (layer + r"nonlinear2\.batchnorm\.", inside("bn2")),
        (layer + r"cam_layer\.linear_local\.", inside("local")),
        (layer + r"cam_layer\.linear1\.", inside("mask1")),
        (layer + r"cam_layer\.linear2\.", inside("mask2")),
        (r"xvector\.transit(\d+)\.nonlinear\.batchnorm\.", transit("bn")),
        (r"xvector\.transit(\d+)\.linear\.", transit("transition")),
        (r"xvector\.out_nonlinear\.batchnorm\.", "out_bn."),
        (r"xvector\.dense\.linear\.", "dense."),
        (r"xvector\.dense\.nonlinear\.batchnorm\.", "dense_bn."),
    ]
    own = _renamed(tensors, rules, _NOTHING, where)
    head, first, dense = (_of(own, f"{name}.weight", where) for name in ("head.conv1", "tdnn", "dense"))
    growth, bottleneck = _of(own, "blocks.0.layers.0.local.weight", where).shape[:2]
    blocks = _count(own, r"blocks\.(\d+)\.")
    config = CampplusConfig(
        embedding=len(dense),
        mels=8 * (first.shape[1] // len(head)),
        head_channels=len(head),
        first_channels=len(first),
        growth=growth,
        bottleneck=bottleneck,
        layers=tuple(_count(own, rf"blocks\.{block}\.layers\.(\d+)\.") for block in range(blocks)),
        dilations=tuple(1 if block == 0 else 2 for block in range(blocks)),
    )
    with torch.device("meta"):
        net = Campplus(config)
    _filled(net, own, where)
    return net


def eres2netv2(tensors: Tensors, where: str) -> Eres2netv2:
    """The network of an ERes2NetV2 checkpoint's tensors, for inference. Raises CheckpointError."""

    def fusion(match: re.Match[str]) -> str:
        return f"fusion.{_FUSION_PARTS[match[1]]}."

    def passed_on(match: re.Match[str]) -> str:
        return f"stages.{int(match[1]) - 1}.{match[2]}.fusions.{match[3]}.{_FUSION_PARTS[match[4]]}."

    rules: list[tuple[str, str | Rename]] = [
        (r"(conv1|bn1)\.", r"\1."),
        (r"layer(\d+)\.(\d+)\.fuse_models\.(\d+)\.local_att\.([0134])\.", passed_on),
        (r"layer(\d+)\.(\d+)\.", lambda match: f"stages.{int(match[1]) - 1}.{match[2]}."),
        (r"layer3_ds\.", "down."),
        (r"fuse34\.local_att\.([0134])\.", fusion),
        (r"seg_1\.", "dense."),
    ]
    own = _renamed(tensors, rules, _NOTHING, where)
    stem, part, out, dense = (
        _of(own, f"{name}.weight", where) for name in ("conv1", "stages.0.0.convs.0", "stages.0.0.conv3", "dense")
    )
    config = Eres2netv2Config(
        embedding=len(dense),
        mels=8 * (dense.shape[1] // (2 * len(out) << STAGES - 1)),
        stem=len(stem),
        channels=len(out),
        width=len(part),
        parts=_count(own, r"stages\.0\.0\.convs\.(\d+)\."),
        blocks=tuple(_count(own, rf"stages\.{stage}\.(\d+)\.") for stage in range(STAGES)),
    )
    with torch.device("meta"):
        net = Eres2netv2(config)
    _filled(net, own, where)
    return net


def speaker(tensors: Tensors, where: str) -> SpeakerNet:
    """The network of a speaker checkpoint's tensors, whichever of the two it is. Raises CheckpointError."""
    return eres2netv2(tensors, where) if ERES2NETV2_DENSE in tensors else campplus(tensors, where)
