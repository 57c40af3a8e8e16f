"""Which recordings are meant by files and folders, and what their results are called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from workbench.asked import Item

SUFFIXES = (
    ".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".webm", ".amr", ".3gp", ".wma", ".aif", ".aiff",
    ".au", ".mka", ".mkv", ".mp4", ".mov", ".avi",
)  # fmt: skip
"""What is taken out of a folder; a file that is named is tried whatever it is called."""
SHADOW = "._"
"""So begin the names of what macOS lays beside files on disks that are not its own."""
MOST_BYTES = 200
"""Of a part of a place: file systems take 255, and something is put behind it."""


def find(paths: Iterable[Path]) -> list[Item]:
    """The recordings in the order given, those of a folder, with its folders, by name; each once."""
    found: dict[str, Item] = {}
    for path in paths:
        for each in sorted(_inside(path)) if path.is_dir() else [path]:
            name = os.fsencode(each.as_posix()).decode("utf-8", "backslashreplace")
            found.setdefault(name, Item(name, each))
    return list(found.values())


def _inside(folder: Path) -> Iterator[Path]:
    """What is called like a recording in a folder: no folders, no pipes or devices; links that lead nowhere, which is
    then said."""
    for path in folder.rglob("*"):
        called = path.suffix.lower() in SUFFIXES and not path.name.startswith(SHADOW)
        if called and (path.is_file() or not path.exists()):
            yield path


class Places:
    """Where in a folder the files of a recording go: `NAME.npy` beside others of its folder, whatever names collide,
    and `NAME_1.npy` of its second channel. On no disk, even if that takes capitals for small letters, do two recordings
    share a file."""

    def __init__(self, channels: int = 1) -> None:
        self._channels = channels
        self._own: dict[str, PurePosixPath] = {}
        self._taken: set[str] = set()

    def hold(self, name: str, place: str) -> None:
        """The place that a recording was given in an earlier run."""
        self._own[name] = PurePosixPath(place)
        self._taken |= self._files(place)

    def of(self, name: str) -> PurePosixPath:
        """A relative path without a suffix. The same name has the same place, every time."""
        if name in self._own:
            return self._own[name]
        parts = [_short(part) for part in name.replace("\\", "/").split("/") if part.strip(".")] or ["recording"]
        whole = PurePosixPath(*parts)
        number = 1
        place = whole.with_suffix("") if whole.stem.strip(".") else whole
        while self._files(str(place)) & self._taken:
            number += 1
            place = whole if number == 2 else whole.with_name(f"{whole.name}_{number}")
        self.hold(name, str(place))
        return place

    def _files(self, place: str) -> set[str]:
        """What a recording's files are called there."""
        return {place.casefold(), *(f"{place}_{channel}".casefold() for channel in range(1, self._channels))}


def _short(part: str) -> str:
    """A part of a path, cut where it is too long for a file's name."""
    raw = part.encode(errors="replace")
    return part if len(raw) <= MOST_BYTES else raw[:MOST_BYTES].decode(errors="ignore")
