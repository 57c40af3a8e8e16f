"""Published models: in a folder, as a file, or fetched once from ModelScope and kept as safetensors in a cache.

What is fetched is a pickle. It is read by torch's restricted unpickler, which makes tensors and nothing else, checked
by making the network of it, and only then put into the cache, whole.
"""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
import yaml
from filelock import FileLock
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference import official
from inference.campplus import Campplus
from inference.emotion2vec import Emotion2vec
from inference.model import CheckpointError, Model
from inference.published import SPEAKER_WINDOW_SAMPLES, PublishedEmotion, PublishedSpeaker
from inference.reuse import EXACT, Shortcuts
from monitor.analysis import Role, SpeakerSpec
from monitor.labels import LABELS

FUNASR = "FunASR model licence (attribution; names retained)"
WEIGHTS = ("model.safetensors", "model.pt", "campplus_cn_common.bin", "campplus_cn_en_common.pt")
"""What a folder's weights are called, the first that is there."""
CONFIG, TOKENS = "config.yaml", "tokens.txt"


@dataclass(frozen=True, slots=True)
class Published:
    """A model on ModelScope, and which of its files are needed, its weights first."""

    role: Role
    revision: str
    files: tuple[str, ...]
    licence: str


MODELS = {
    "iic/emotion2vec_plus_seed": Published(Role.EMOTION, "master", ("model.pt", CONFIG, TOKENS), FUNASR),
    "iic/emotion2vec_plus_base": Published(Role.EMOTION, "master", ("model.pt", CONFIG, TOKENS), FUNASR),
    "iic/emotion2vec_plus_large": Published(Role.EMOTION, "master", ("model.pt", CONFIG, TOKENS), FUNASR),
    "iic/speech_campplus_sv_zh-cn_16k-common": Published(
        Role.SPEAKER, "v1.0.0", ("campplus_cn_common.bin",), "Apache-2.0"
    ),
    "iic/speech_campplus_sv_zh_en_16k-common_advanced": Published(
        Role.SPEAKER, "v1.0.0", ("campplus_cn_en_common.pt",), "Apache-2.0"
    ),
}
COSINES = (0.60, 0.15, 0.10, 0.12)
"""Mean and standard deviation of CAM++'s cosines of two windows of 1.5 s, of the same voice and of two: an assumption,
made without its weights. The tracker takes its odds from them."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_ERRORS = (*DISK_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
Download = Callable[[str, Published, Path], Path]
"""Fetches the files of a model, named first, below the folder named last; gives the folder that they are in."""


def load(name: str, role: Role, device: str, shortcuts: Shortcuts = EXACT) -> Model:
    """The model that a ModelScope id, a folder or a file names; `shortcuts` are for emotion. Raises CheckpointError."""
    about = MODELS.get(name)
    if about is not None and about.role is not role:
        raise CheckpointError(f"{name} is no {role} model, it is for {about.role}")
    path = pull(name) if about is not None and not Path(name).exists() else Path(name).expanduser()
    weights = weights_in(path)
    short = name if about is not None else path.name
    licence = about.licence if about is not None else "as its publisher says"
    if role is Role.EMOTION:
        if shortcuts.int8 and device != "cpu":
            raise CheckpointError("models.int8 is for a CPU, and the device is a GPU")
        return PublishedEmotion(
            emotion_net(weights), short, licence, labels_of(weights.parent / TOKENS), device, shortcuts
        )
    net = speaker_net(weights)
    spec = SpeakerSpec(short, licence, SPEAKER_WINDOW_SAMPLES, net.config.embedding, *COSINES)
    return PublishedSpeaker(net, spec, device)


def kept() -> list[Path]:
    """The folders of the models in the cache."""
    return sorted(path.parent for path in (cache() / "models").glob("*/model.safetensors"))


def role_in(weights: Path) -> Role:
    """What a published checkpoint is for. Raises CheckpointError."""
    names = tensors_of(weights).keys()
    for start, role in (("xvector.", Role.SPEAKER), ("proj.", Role.EMOTION)):
        if any(name.startswith(start) for name in names):
            return role
    raise CheckpointError(f"{weights}: is neither emotion2vec+ nor CAM++, by the names of its {len(names)} tensors")


def weights_in(path: Path) -> Path:
    """The weights that a folder holds, or the file itself. Raises CheckpointError."""
    if path.is_dir():
        found = next((path / name for name in WEIGHTS if (path / name).is_file()), None)
        if found is None:
            raise CheckpointError(f"{path}: holds no weights; expected one of {', '.join(WEIGHTS)}")
        return found
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file or folder")
    return path


def emotion_net(weights: Path) -> Emotion2vec:
    """The network, with what its config.yaml says. Raises CheckpointError."""
    return official.emotion2vec(tensors_of(weights), block_eps(weights.parent / CONFIG), str(weights))


def speaker_net(weights: Path) -> Campplus:
    """Raises CheckpointError."""
    return official.campplus(tensors_of(weights), str(weights))


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a pickle of tensors with or without a key `model` around them. Nothing
    in it is executed. Raises CheckpointError."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: holds something other than tensors, which is not run: {_first(error)}"
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read, is it whole? {_first(error)}") from None
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise CheckpointError(f"{path}: is no table of tensors by name")
    return dict(content)


def block_eps(path: Path) -> float:
    """`norm_eps` of an emotion2vec+ config.yaml. Raises CheckpointError."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        return float(config["model_conf"]["norm_eps"])  # YAML 1.1 takes 1e-05 for a string
    except OSError as error:
        raise CheckpointError(f"{path}: is needed beside the weights: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not say model_conf.norm_eps: {_first(error)}") from None


def labels_of(path: Path) -> list[str]:
    """The labels of a tokens.txt, in the order of the network's outputs. Raises CheckpointError."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: is needed beside the weights: {_first(error)}") from None
    labels = ["unknown" if line == "<unk>" else line.rpartition("/")[2] for line in lines]
    if unused := [label for label in labels if label.startswith("unuse")]:
        raise CheckpointError(
            f"{path}: {len(unused)} of its {len(labels)} labels are {unused[0]} and the like: an early revision, in "
            f"which the model cannot say them; fetch the current one, which has {', '.join(LABELS)}"
        )
    if unknown := [label for label in labels if label not in LABELS]:
        raise CheckpointError(f"{path}: unknown label(s) {', '.join(unknown)}; known are {', '.join(LABELS)}")
    if len(set(labels)) < len(labels) or not labels:
        raise CheckpointError(
            f"{path}: names {len(labels)} labels, some of them twice" if labels else f"{path}: is empty"
        )
    return labels


def cache() -> Path:
    """Where fetched models are kept: `UNDERTONE_CACHE`, else `undertone` in the user's cache folder."""
    own = os.environ.get("UNDERTONE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "undertone"


def pull(name: str, download: Download | None = None) -> Path:
    """The folder of a model in the cache, fetched and checked if it is not there. Raises CheckpointError; then the
    cache is as it was, but for what of a download can be gone on with."""
    about = MODELS.get(name)
    if about is None:
        raise CheckpointError(f"{name} is not known; known are {', '.join(MODELS)}")
    folder = cache() / "models" / name.replace("/", "--")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):  # several processes load it at once
            if not folder.is_dir():
                _make(folder, name, about, download or from_modelscope)
    except OSError as error:
        full = error.errno in DISK_FULL
        raise CheckpointError(
            f"{name}: the disk is full; some 4 GB must be free below {cache()}"
            if full
            else f"{name}: cannot be kept in {cache()}: {error}"
        ) from None
    return folder


def _make(folder: Path, name: str, about: Published, download: Download) -> None:
    """Fetch a model and put it into the cache, whole or not at all."""
    got = download(name, about, cache() / "downloads")
    staging = folder.with_name(folder.name + ".partial")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir()
        for other in about.files[1:]:
            shutil.copyfile(got / other, staging / other)
        tensors = tensors_of(got / about.files[0])
        weights = staging / "model.safetensors"
        save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, weights, {"source": name})
        if about.role is Role.EMOTION:
            emotion_net(weights)
            labels_of(staging / TOKENS)
        else:
            speaker_net(weights)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(got, ignore_errors=True)


def from_modelscope(name: str, about: Published, folder: Path) -> Path:
    """Fetch a model's files with the modelscope package, which shows how far it is and goes on with what is there of an
    earlier attempt. Raises CheckpointError."""
    try:
        from modelscope import snapshot_download
    except ImportError:
        raise CheckpointError(
            f"{name} is to be fetched from ModelScope, which needs: pip install 'undertone[hub]'"
        ) from None
    try:
        got: Any = snapshot_download(name, about.revision, cache_dir=folder, allow_patterns=list(about.files))
    except Exception as error:  # of whatever libraries it rests on; some call a dead network an OSError
        if (of_disk := _of_disk(error)) is not None:
            raise of_disk from None
        raise CheckpointError(
            f"{name} cannot be fetched from ModelScope ({type(error).__name__}: {_first(error)}); a folder of your own "
            "in its layout works without a network"
        ) from None
    return Path(got)


def _of_disk(error: BaseException) -> OSError | None:
    """What a disk did to bring about `error`, if that was it."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.errno in DISK_ERRORS:
            return at
        at = at.__cause__ or at.__context__
    return None


def _first(error: BaseException) -> str:
    """The first line of what an error says."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
