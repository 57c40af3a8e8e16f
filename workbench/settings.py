"""Settings of the workbench."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkbenchConfig:
    """Settings of offline work on recordings."""

    key: str = ""
    "Key that voiceprints and embeddings are encrypted with in the database (`undertone voices new-key` makes one)"
