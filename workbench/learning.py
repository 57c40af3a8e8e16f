"""scikit-learn, where it is installed: the extra `workbench`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from workbench.library import LibraryError


def scikit(part: str) -> Any:
    """A module of scikit-learn, such as `cluster`. Raises LibraryError if it is not installed."""
    try:
        return import_module(f"sklearn.{part}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "sklearn":
            raise
        raise LibraryError("this needs scikit-learn: pip install 'undertone[workbench]'") from None
