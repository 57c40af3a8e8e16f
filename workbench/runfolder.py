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
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from vad.grid import SAMPLE_RATE_HZ
from workbench.asked import Asked, Item
from workbench.conclusion import Outcome
from workbench.ledger import RESULTS, Ledger, RunError
from workbench.media import MediaError, Recording
from workbench.npyrows import NpyRows
from workbench.results import Prediction, decode, encode

log = logging.getLogger("undertone.workbench")
OUTPUTS = Path("outputs")
RESULT = "result.json"


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
        self._open: dict[str, list[NpyRows]] = {}
        self._ledger = Ledger(path, run, len(run.roles))

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as ending:  # all of it, even where a full disk keeps a part from being closed
            ending.callback(self._ledger.close)
            for sink in chain.from_iterable(self._open.values()):  # of recordings that were not heard to their end
                ending.callback(sink.discard)

    def is_done(self, item: Item) -> bool:
        """Whether an earlier run has done this recording, as it is now."""
        return self._ledger.is_done(item)

    def left(self, items: Iterable[Item]) -> list[Item]:
        """Those that are not done. Of those that have changed since they were, what is kept is dropped."""
        return self._ledger.left(items, self._remove)

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
        self._ledger.note(item, encode(prediction), prediction.failure)
        return prediction

    def predictions(self) -> Iterator[Prediction]:
        """All lines of result that were kept, here and before."""
        yield from map(decode, self._ledger.lines())

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

    def _remove(self, name: str) -> None:
        """What is kept of a recording."""
        for channel in range(len(self.run.roles)):
            for kind in ("embedding", "frame_scores", "frame_embeddings"):
                (self.path / self._file_of(name, channel, kind)).unlink(missing_ok=True)
        self._audio_of(name).unlink(missing_ok=True)

    def _file_of(self, name: str, channel: int, kind: str = "embedding") -> str:
        """Of a recording's embeddings or scores, relative to the folder. Each channel has its own."""
        behind = f"_{channel}" if channel else ""
        if self.run.single:
            return f"{kind}{behind}.npy"
        folder = "embeddings" if kind == "embedding" else kind
        return f"{folder}/{self._ledger.places.of(name)}{behind}.npy"

    def _audio_of(self, name: str) -> Path:
        return self.path / f"{'processed_audio' if self.run.single else f'audio/{self._ledger.places.of(name)}'}.wav"

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
