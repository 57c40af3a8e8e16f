"""Where the recordings are, and the scripted models that stand in for real ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # how fast something is, is for benchmarks to say
settings.load_profile("untimed")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is absent."""
    data = Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "conversations").is_dir():
        pytest.skip(f"no recordings at {data}: set UNDERTONE_DATA to the folder that holds conversations/")
    return data
