"""Which published models Undertone knows, and where it keeps them. Nothing here needs torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from monitor.analysis import Role

FUNASR = "FunASR model licence (attribution; names retained)"
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
    "iic/speech_eres2netv2_sv_zh-cn_16k-common": Published(
        Role.SPEAKER, "v1.0.1", ("pretrained_eres2netv2.ckpt",), "Apache-2.0"
    ),
    "iic/speech_eres2netv2w24s4ep4_sv_zh-cn_16k-common": Published(
        Role.SPEAKER, "v1.0.1", ("pretrained_eres2netv2w24s4ep4.ckpt",), "Apache-2.0"
    ),
}


def cache() -> Path:
    """Where fetched models are kept: `UNDERTONE_CACHE`, else `undertone` in the user's cache folder."""
    own = os.environ.get("UNDERTONE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "undertone"


def folder_of(name: str) -> Path:
    """Where the model of a name is kept, or will be."""
    return cache() / "models" / name.replace("/", "--")


def kept(name: str) -> bool:
    """Whether the model of a name has been fetched."""
    return folder_of(name).is_dir()
