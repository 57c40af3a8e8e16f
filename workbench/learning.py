"""scikit-learn, where it is installed: the extra `workbench`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from workbench.library import LibraryError


class NotInstalledError(LibraryError):
    """The message says what to install."""


def scikit(part: str) -> Any:
    """A module of scikit-learn, such as `cluster`. Raises NotInstalledError."""
    try:
        return import_module(f"sklearn.{part}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "sklearn":
            raise
        raise NotInstalledError("this needs scikit-learn: pip install 'undertone[workbench]'") from None
