"""Which recordings are meant by files and folders, and what their results are called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from workbench.asked import Item

SUFFIXES = (
    ".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".webm", ".amr", ".3gp", ".wma", ".aif", ".aiff",
    ".au", ".mka", ".mkv", ".mp4", ".mov", ".avi",
)  # fmt: skip
"""What is taken out of a folder; a file that is named is tried whatever it is called."""


def find(paths: Iterable[Path]) -> list[Item]:
    """The recordings in the order given, those of a folder, with its folders, by name; each once."""
    found: dict[str, Item] = {}
    for path in paths:
        inside = (
            sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        )
        for each in inside:
            found.setdefault(each.as_posix(), Item(each.as_posix(), each))
    return list(found.values())


class Places:
    """Where in a folder the files of a recording go: `NAME.npy` beside others of its folder, whatever names collide."""

    def __init__(self) -> None:
        self._own: dict[str, PurePosixPath] = {}
        self._taken: set[PurePosixPath] = set()

    def hold(self, name: str, place: str) -> None:
        """The place that a recording was given in an earlier run."""
        self._own[name] = PurePosixPath(place)
        self._taken.add(PurePosixPath(place))

    def of(self, name: str) -> PurePosixPath:
        """A relative path without a suffix. The same name has the same place, every time."""
        if name in self._own:
            return self._own[name]
        parts = [part for part in name.replace("\\", "/").split("/") if part.strip(".")] or ["recording"]
        whole = PurePosixPath(*parts)
        number = 1
        place = whole.with_suffix("") if whole.stem.strip(".") else whole
        while place in self._taken:
            number += 1
            place = whole if number == 2 else whole.with_name(f"{whole.name}_{number}")
        self.hold(name, str(place))
        return place
