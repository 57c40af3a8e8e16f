"""Published models, fetched once from ModelScope and kept as safetensors in a cache.

What is fetched is a pickle. It is read by torch's restricted unpickler, which makes tensors and nothing else, checked
by making the network of it, and only then put into the cache, whole.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock
from safetensors.torch import save_file

from inference.catalogue import MODELS, TOKENS, Published, cache, folder_of
from inference.layout import emotion_net, first_line, labels_of, speaker_net, tensors_of
from inference.model import CheckpointError
from monitor.analysis import Role

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_ERRORS = (*DISK_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
Download = Callable[[str, Published, Path], Path]
"""Fetches the files of a model, named first, below the folder named last; gives the folder that they are in."""


def pull(name: str, download: Download | None = None) -> Path:
    """The folder of a model in the cache, fetched and checked if it is not there. Raises CheckpointError; then the
    cache is as it was, but for what of a download can be gone on with."""
    about = MODELS.get(name)
    if about is None:
        raise CheckpointError(f"{name} is not known; known are {', '.join(MODELS)}")
    folder = folder_of(name)
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
            f"{name} cannot be fetched from ModelScope ({type(error).__name__}: {first_line(error)}); a folder of your "
            "own in its layout works without a network"
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
