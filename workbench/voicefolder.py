"""The folder of a run that embeds voices: `embeddings/NAME.npy`, a line of `results.jsonl` for each recording, and
`result.json` about the run; of one recording `embedding.npy`. As runs of emotion, but for what is in the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec
import numpy as np

from workbench.asked import Item
from workbench.ledger import RESULTS, Ledger
from workbench.results import EmbeddingFacts, Failure
from workbench.runfolder import RESULT
from workbench.sentences import say
from workbench.speakers import Quality, Unheard, Voice


class VoiceRun(msgspec.Struct, frozen=True):
    """What a run is: a second one in its folder must be the same."""

    model: str
    kind: Literal["speaker"]
    single: bool


class VoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One recording's line of result. Embeddings have length 1."""

    file: str
    status: Literal["done", "failed"]
    model: str
    failure: Failure | None = None
    quality: Quality | None = None
    embeddings: list[EmbeddingFacts] = []


class VoiceFolder:
    """Keeps voices as they come. Use it as a context manager; `finish` after the last."""

    def __init__(self, path: Path, model: str, single: bool) -> None:
        """Begin in a new or empty folder, or go on where a run ended. `single`: there is one recording. Raises RunError
        if something else is in the folder, or if it cannot be written to."""
        self.path = path
        self._run = VoiceRun(model, "speaker", single)
        self._ledger = Ledger(path, self._run)

    def __enter__(self) -> VoiceFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.close()

    def left(self, items: Iterable[Item]) -> list[Item]:
        """Those that are not done. Of those that have changed since they were, what is kept is dropped."""
        return self._ledger.left(items, lambda name: (self.path / self._file_of(name)).unlink(missing_ok=True))

    def keep(self, item: Item, heard: Voice | Unheard) -> VoiceLine:
        """Write what was heard of a recording; its line."""
        failure = heard.failure if isinstance(heard, Unheard) else None
        line = VoiceLine(
            file=item.name,
            status="done" if failure is None else "failed",
            model=self._run.model,
            failure=failure,
            quality=heard.quality,
            embeddings=[self._write(heard)] if isinstance(heard, Voice) else [],
        )
        self._ledger.note(item, msgspec.json.encode(line), failure)
        return line

    def finish(self, now: datetime) -> None:
        """Write `result.json`."""
        counts = Counter(msgspec.json.decode(line, type=VoiceLine).status for line in self._ledger.lines())
        about = {
            "timestamp": now.isoformat(timespec="seconds"),
            "model": self._run.model,
            "done": counts["done"],
            "failed": counts["failed"],
            "results": RESULTS,
        }
        (self.path / RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n")

    def _file_of(self, name: str) -> str:
        return "embedding.npy" if self._run.single else f"embeddings/{self._ledger.places.of(name)}.npy"

    def _write(self, voice: Voice) -> EmbeddingFacts:
        file = self._file_of(voice.name)
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        np.save(self.path / file, voice.vector)
        size = len(voice.vector)
        return EmbeddingFacts(
            granularity="utterance",
            channel=0,
            model=voice.model,
            shape=(1, size),
            mean=round(float(voice.vector.mean()), 6),
            std=round(float(voice.vector.std()), 6),
            norm=round(float(np.linalg.norm(voice.vector)), 4),
            usual_norms=(1.0, 1.0),
            sound=True,
            remarks=[say("embeddings.fine", rows=1, size=size)],
            file=file,
        )
