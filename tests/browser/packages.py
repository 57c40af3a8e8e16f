"""What npm installs, of which some tests are made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def needs_of_npm(path: Path) -> None:
    """Skip a test, before it begins, where there is no npm; where there is one, what it should have installed is
    missing by mistake, and the test fails."""
    if not path.exists():
        (pytest.fail if shutil.which("npm") else pytest.skip)(f"{path.name} is not there: `make browser` with npm")
