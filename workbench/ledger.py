"""What the folder of a run says of it, so that a second run can go on there: `run.json`, what was asked for;
`results.jsonl`, a line of result for each recording; `state.jsonl`, which recordings are done, as they were then."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace

from workbench.asked import Item
from workbench.recordings import Places
from workbench.results import Failure

RUN, RESULTS, STATE, LOCK = "run.json", "results.jsonl", "state.jsonl", ".lock"
TRIED_AGAIN = ("model", "not_permitted")
"""Failures that may have passed without the recording being changed."""


class RunError(Exception):
    """A folder that cannot be used; the message says why, and what would be."""


class Done(msgspec.Struct, frozen=True):
    """A recording that is done, as it was then: its size and the time of its last change; and where its files went."""

    file: str
    size: int
    modified_ns: int
    place: str = ""


class _Line(msgspec.Struct):
    """What every line of result has."""

    file: str


class Ledger:
    """Use it from one thread, and `close` it. `places`: where the files of recordings go."""

    def __init__(self, path: Path, run: msgspec.Struct, channels: int = 1) -> None:
        """Begin in a new or empty folder, or go on where a run ended; `run`: what it is, for a second one must be the
        same. Raises RunError if something else is in the folder, or if it cannot be written to."""
        self.places = Places(channels)
        self._path = path
        self._run = run
        self._done: dict[str, Done] = {}
        self._lock = FileLock(path / LOCK, blocking=False)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._begin()
            self._results, self._state = self._appended()
        except (Timeout, OSError, msgspec.DecodeError, RunError) as error:
            self._lock.release()
            raise _told(path, error) from None

    def close(self) -> None:
        with ExitStack() as ending:  # all of it, even where a full disk keeps a part from being closed
            ending.callback(self._lock.release)
            ending.callback(self._state.close)
            ending.callback(self._results.close)

    def is_done(self, item: Item) -> bool:
        """Whether an earlier run has done this recording, as it is now."""
        done = self._done.get(item.name)
        return done is not None and replace(done, place="") == _stamp(item)

    def left(self, items: Iterable[Item], remove: Callable[[str], None]) -> list[Item]:
        """Those that are not done. Of those that have changed since they were the lines are dropped, and `remove` is to
        remove the files."""
        left = [item for item in items if not self.is_done(item)]
        if changed := [item.name for item in left if item.name in self._done]:
            for name in changed:
                remove(name)
            self._drop(changed)
        return left

    def note(self, item: Item, line: bytes, failure: Failure | None) -> None:
        """Add the line of a recording whose files are written."""
        self._results.write(line + b"\n")
        self._results.flush()
        if failure is None or failure.code not in TRIED_AGAIN:
            done = replace(_stamp(item), place=str(self.places.of(item.name)))
            self._state.write(msgspec.json.encode(done) + b"\n")
            self._state.flush()

    def lines(self) -> Iterator[bytes]:
        """All lines of result, of this run and of those before."""
        with (self._path / RESULTS).open("rb") as lines:
            yield from lines

    def _begin(self) -> None:
        """Note what run this is, or find out how far it got."""
        about_run = self._path / RUN
        if not about_run.exists():
            if any(each.name != LOCK for each in self._path.iterdir()):
                raise RunError(f"{self._path}: holds something else than a run; choose a new folder with --out")
            _rewrite(about_run, [msgspec.json.encode(self._run)])
            return
        try:
            before = msgspec.json.decode(about_run.read_bytes(), type=type(self._run))
        except msgspec.DecodeError as error:
            raise RunError(
                f"{about_run}: is not about a run of this kind ({error}); choose another folder with --out"
            ) from None
        if before != self._run:
            changed = _changed(before, self._run)
            raise RunError(
                f"{self._path}: holds a run that asked for something else ({changed}); choose another folder"
            )
        for line in _whole_lines(self._path / STATE):
            done = msgspec.json.decode(line, type=Done)
            self._done[done.file] = done
            self.places.hold(done.file, done.place)
        self._keep_only_what_is_done()

    def _appended(self) -> tuple[IO[bytes], IO[bytes]]:
        return (self._path / RESULTS).open("ab"), (self._path / STATE).open("ab")

    def _drop(self, names: Collection[str]) -> None:
        for name in names:
            del self._done[name]
        self._results.close()
        self._state.close()
        self._keep_only_what_is_done()
        self._results, self._state = self._appended()

    def _keep_only_what_is_done(self) -> None:
        """Drop lines that a crash left half written, or wrote without noting that they are done."""
        kept: set[str] = set()

        def lines() -> Iterator[bytes]:
            for line in _whole_lines(self._path / RESULTS):
                name = msgspec.json.decode(line, type=_Line).file
                if name in self._done and name not in kept:
                    kept.add(name)
                    yield line

        _rewrite(self._path / RESULTS, lines())
        self._done = {name: done for name, done in self._done.items() if name in kept}
        _rewrite(self._path / STATE, (msgspec.json.encode(done) for done in self._done.values()))


def _told(path: Path, error: Exception) -> RunError:
    """What keeps a folder from being used, in words."""
    match error:
        case RunError():
            return error
        case Timeout():
            return RunError(f"{path}: another run is at work in it; choose another with --out")
        case OSError():
            return RunError(f"{path}: cannot be written to ({error.strerror}); choose another with --out")
    return RunError(f"{path}: what is noted there of a run is damaged ({error}); choose another with --out")


def _changed(before: msgspec.Struct, now: msgspec.Struct) -> str:
    """What another run asked for."""
    told = []
    for name in before.__struct_fields__:
        was = getattr(before, name)
        if was == getattr(now, name):
            continue
        if name == "single":
            told.append("it was of one recording alone" if was else "it was of several recordings")
        else:
            told.append(f"{name} was {was}")
    return ", ".join(told)


def _stamp(item: Item) -> Done:
    """A recording as it is now; what cannot be looked at has no size."""
    if isinstance(item.source, bytes):
        return Done(item.name, len(item.source), 0)
    try:
        found = item.source.stat()
    except OSError:
        return Done(item.name, -1, 0)
    return Done(item.name, found.st_size, found.st_mtime_ns)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Those that end; the last one may not."""
    if path.exists():
        with path.open("rb") as lines:
            yield from (line.rstrip(b"\n") for line in lines if line.endswith(b"\n"))


def _rewrite(path: Path, lines: Iterable[bytes]) -> None:
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    beside.replace(path)
