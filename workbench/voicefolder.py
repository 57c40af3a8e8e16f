"""The folder of a run that embeds voices: `embeddings/NAME.npy`, a line of `results.jsonl` for each recording, and
`result.json` about the run; of one recording `embedding.npy`. As runs of emotion, but for what is in the lines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from workbench.recordings import Places
from workbench.results import EmbeddingFacts, Failure
from workbench.runfolder import RESULT, RESULTS, RUN, RunError
from workbench.sentences import say
from workbench.speakers import Quality, Unheard, Voice


class VoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One recording's line of result. Embeddings have length 1."""

    file: str
    status: Literal["done", "failed"]
    model: str
    failure: Failure | None = None
    quality: Quality | None = None
    embeddings: list[EmbeddingFacts] = []


class VoiceFolder:
    """Keeps voices as they come; `finish` after the last."""

    def __init__(self, path: Path, model: str, single: bool) -> None:
        """`single`: there is one recording. Raises RunError if the folder cannot be written to, or holds something."""
        self.path = path
        self._model = model
        self._single = single
        self._places = Places()
        self._counts = {"done": 0, "failed": 0}
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunError(f"{path}: holds something already; choose a new folder with --out")
            (path / RUN).write_bytes(msgspec.json.encode({"model": model, "kind": "speaker", "single": single}) + b"\n")
            self._results = (path / RESULTS).open("xb")
        except OSError as error:
            raise RunError(f"{path}: cannot be written to ({error.strerror}); choose another with --out") from None

    def keep(self, heard: Voice | Unheard) -> VoiceLine:
        """Write what was heard of a recording; its line."""
        if isinstance(heard, Unheard):
            line = VoiceLine(
                file=heard.name, status="failed", model=self._model, failure=heard.failure, quality=heard.quality
            )
        else:
            facts = self._write(heard)
            line = VoiceLine(
                file=heard.name, status="done", model=self._model, quality=heard.quality, embeddings=[facts]
            )
        self._counts[line.status] += 1
        self._results.write(msgspec.json.encode(line) + b"\n")
        return line

    def finish(self, now: datetime) -> None:
        """Write `result.json`."""
        self._results.close()
        about = {
            "timestamp": now.isoformat(timespec="seconds"),
            "model": self._model,
            **self._counts,
            "results": RESULTS,
        }
        (self.path / RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n")

    def _write(self, voice: Voice) -> EmbeddingFacts:
        file = "embedding.npy" if self._single else f"embeddings/{self._places.of(voice.name)}.npy"
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
