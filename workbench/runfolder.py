"""The folder of a run: `outputs/outputs_YYYYMMDD_HHMMSS` with results and embeddings, which a second run can resume.

Of one recording there are `result.json` and `embedding.npy`, where scripts look for them. Of several: `results.jsonl`,
a line each, `embeddings/NAME.npy`, and `result.json` about the run. `state.jsonl` says which recordings are done.
"""

from __future__ import annotations

import json
import logging
import os
import wave
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec
import numpy as np
from filelock import FileLock, Timeout
from msgspec.structs import replace

from vad.grid import SAMPLE_RATE_HZ
from workbench.asked import Asked, Item
from workbench.conclusion import Outcome
from workbench.media import MediaError, Recording
from workbench.npyrows import NpyRows
from workbench.recordings import Places
from workbench.results import Prediction, decode, encode

log = logging.getLogger("undertone.workbench")
OUTPUTS = Path("outputs")
RUN, RESULT, RESULTS, STATE, LOCK = "run.json", "result.json", "results.jsonl", "state.jsonl", ".lock"
TRIED_AGAIN = ("model", "not_permitted")
"""Failures that may have passed without the recording being changed."""


class RunError(Exception):
    """A folder that cannot be used; the message says why, and what would be."""


class About(msgspec.Struct, frozen=True):
    """What a run is: a second one in its folder must be the same."""

    model: str
    granularity: str
    embeddings: bool
    every_frame: bool
    speakers: bool
    keep_audio: bool
    roles: tuple[str, ...]
    single: bool


class Done(msgspec.Struct, frozen=True):
    """A recording that is done, as it was then: its size and the time of its last change; and where its files went."""

    file: str
    size: int
    modified_ns: int
    place: str = ""


def named_for(now: datetime, base: Path = OUTPUTS) -> Path:
    """A new folder for a run that begins now, made here, so that two runs never share one. Raises RunError."""
    name = f"outputs_{now:%Y%m%d_%H%M%S}"
    path, number = base / name, 1
    while True:
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1
            path = base / f"{name}_{number}"
        except OSError as error:
            raise RunError(f"{path}: cannot be written to ({error.strerror}); choose another with --out") from None


def about(asked: Asked, model: str, single: bool) -> About:
    own = (asked.granularity, asked.embeddings, asked.every_frame, asked.speakers, asked.keep_audio, asked.roles)
    return About(model, *own, single)


class RunFolder:
    """Keeps the outcomes of a run as they come. Use it as a context manager; `finish` after the last."""

    def __init__(self, path: Path, run: About, size: int) -> None:
        """Begin in a new or empty folder, or go on where a run ended. `size`: of embeddings. Raises RunError if
        something else is in the folder, or if it cannot be written to."""
        self.path = path
        self.run = run
        self._size = size
        self._places = Places(len(run.roles))
        self._open: dict[str, list[NpyRows]] = {}
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

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as ending:  # all of it, even where a full disk keeps a part from being closed
            ending.callback(self._lock.release)
            for sink in chain.from_iterable(self._open.values()):  # of recordings that were not heard to their end
                ending.callback(sink.discard)
            ending.callback(self._state.close)
            ending.callback(self._results.close)

    def is_done(self, item: Item) -> bool:
        """Whether an earlier run has done this recording, as it is now."""
        done = self._done.get(item.name)
        return done is not None and replace(done, place="") == _stamp(item)

    def left(self, items: Iterable[Item]) -> list[Item]:
        """Those that are not done. Of those that have changed since they were, what is kept is dropped."""
        left = [item for item in items if not self.is_done(item)]
        if changed := [item.name for item in left if item.name in self._done]:
            self._drop(changed)
        return left

    def sink(self, name: str, channel: int) -> NpyRows:
        """Where the embeddings of a recording's frames go."""
        rows = NpyRows(self.path / self._file_of(name, channel), self._size)
        self._open.setdefault(name, []).append(rows)
        return rows

    def keep(self, item: Item, outcome: Outcome) -> Prediction:
        """Write what was found; the line of result with the names of its files."""
        for sink in self._open.pop(item.name, []):
            sink.close() if outcome.prediction.status == "done" else sink.discard()
        kept = []
        for each in outcome.vectors:
            file = self._file_of(item.name, each.facts.channel)
            if each.rows is not None:
                (self.path / file).parent.mkdir(parents=True, exist_ok=True)
                np.save(self.path / file, each.rows)
            elif self.run.single:
                self._link(file, file.replace("embedding", "frame_embeddings"))
            kept.append(replace(each.facts, file=file))
        for channel, scores in outcome.frame_scores.items():
            place = self.path / self._file_of(item.name, channel, "frame_scores")
            place.parent.mkdir(parents=True, exist_ok=True)
            np.save(place, scores)
        prediction = replace(outcome.prediction, embeddings=kept)
        if self.run.keep_audio and prediction.status == "done":
            self._keep_audio(item)
        self._results.write(encode(prediction) + b"\n")
        self._results.flush()
        if prediction.failure is None or prediction.failure.code not in TRIED_AGAIN:
            done = replace(_stamp(item), place=str(self._places.of(item.name)))
            self._state.write(msgspec.json.encode(done) + b"\n")
            self._state.flush()
        return prediction

    def predictions(self) -> Iterator[Prediction]:
        """All lines of result that were kept, here and before."""
        with (self.path / RESULTS).open("rb") as lines:
            yield from (decode(line) for line in lines)

    def finish(self, now: datetime, log: dict[str, float]) -> None:
        """Write `result.json`: the result of the one recording, or what is to be said of the run; and `log`: how long
        what took, in seconds."""
        document: dict[str, Any] = {
            "timestamp": now.isoformat(timespec="seconds"),
            "model": self.run.model,
            "granularity": self.run.granularity,
            "log": log,
        }
        only = next(self.predictions(), None) if self.run.single else None
        if only is not None:
            reading = only.emotion
            document |= {
                "emotion": reading.label if reading is not None else None,
                "confidence": reading.confidence if reading is not None else None,
                "scores": reading.scores if reading is not None else None,
            }
            document["result"] = msgspec.to_builtins(only)
        else:
            counts = Counter(prediction.status for prediction in self.predictions())
            document |= {"done": counts["done"], "failed": counts["failed"], "results": RESULTS}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (self.path / RESULT).write_text(text + "\n", encoding="utf-8")

    def _begin(self) -> None:
        """Note what run this is, or find out how far it got."""
        about_run = self.path / RUN
        if not about_run.exists():
            if any(each.name != LOCK for each in self.path.iterdir()):
                raise RunError(f"{self.path}: holds something else than a run; choose a new folder with --out")
            _rewrite(about_run, [msgspec.json.encode(self.run)])
            return
        try:
            before = msgspec.json.decode(about_run.read_bytes(), type=About)
        except msgspec.DecodeError as error:
            raise RunError(f"{about_run}: is not about a run ({error}); choose another folder with --out") from None
        if before != self.run:
            changed = _changed(before, self.run)
            raise RunError(f"{self.path}: holds a run that asked for something else ({changed}); choose another folder")
        for line in _whole_lines(self.path / STATE):
            done = msgspec.json.decode(line, type=Done)
            self._done[done.file] = done
            self._places.hold(done.file, done.place)
        self._keep_only_what_is_done()

    def _appended(self) -> tuple[IO[bytes], IO[bytes]]:
        return (self.path / RESULTS).open("ab"), (self.path / STATE).open("ab")

    def _drop(self, names: Collection[str]) -> None:
        """Forget recordings that were done, and remove their files."""
        for name in names:
            del self._done[name]
            for channel in range(len(self.run.roles)):
                for kind in ("embedding", "frame_scores", "frame_embeddings"):
                    (self.path / self._file_of(name, channel, kind)).unlink(missing_ok=True)
            self._audio_of(name).unlink(missing_ok=True)
        self._results.close()
        self._state.close()
        self._keep_only_what_is_done()
        self._results, self._state = self._appended()

    def _keep_only_what_is_done(self) -> None:
        """Drop lines that a crash left half written, or wrote without noting that they are done."""
        kept: set[str] = set()

        def lines() -> Iterator[bytes]:
            for line in _whole_lines(self.path / RESULTS):
                name = decode(line).file
                if name in self._done and name not in kept:
                    kept.add(name)
                    yield line

        _rewrite(self.path / RESULTS, lines())
        self._done = {name: done for name, done in self._done.items() if name in kept}
        _rewrite(self.path / STATE, (msgspec.json.encode(done) for done in self._done.values()))

    def _file_of(self, name: str, channel: int, kind: str = "embedding") -> str:
        """Of a recording's embeddings or scores, relative to the folder. Each channel has its own."""
        behind = f"_{channel}" if channel else ""
        if self.run.single:
            return f"{kind}{behind}.npy"
        folder = "embeddings" if kind == "embedding" else kind
        return f"{folder}/{self._places.of(name)}{behind}.npy"

    def _audio_of(self, name: str) -> Path:
        return self.path / f"{'processed_audio' if self.run.single else f'audio/{self._places.of(name)}'}.wav"

    def _keep_audio(self, item: Item) -> None:
        """What the models heard: 16-bit WAV at 16 kHz, a channel per role."""
        path = self._audio_of(item.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = len(self.run.roles)
        try:
            with Recording(item.source, item.name) as recording, wave.open(str(path), "wb") as file:
                file.setnchannels(channels)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE_HZ)
                for block in recording.blocks(channels):
                    file.writeframes((block.T.clip(-1, 1) * 32767).astype("<i2").tobytes())
        except MediaError as error:  # it has gone since it was heard
            path.unlink(missing_ok=True)
            log.warning("no audio is kept: %s", error)

    def _link(self, file: str, other: str) -> None:
        """The same file by another name, without a copy where the disk allows it."""
        target = self.path / other
        target.unlink(missing_ok=True)
        try:
            os.link(self.path / file, target)
        except OSError:
            target.write_bytes((self.path / file).read_bytes())


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


def _changed(before: About, now: About) -> str:
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
