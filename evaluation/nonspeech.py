"""What the whole pipeline says of recordings, and what it takes for emotion where nobody speaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from rich.console import RenderableType

from evaluation.manifest import AUDIO_SUFFIXES, EvaluationError
from evaluation.report import Results, progress, table
from inference.model import Models, specs
from monitor.analysis import Role
from monitor.events import Emotion
from monitor.labels import LABELS
from stream_server.live.sessions import open_session
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media, offline

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 2


def heard(audio: Samples, models: Models, settings: Settings) -> list[Emotion]:
    """The `emotion` events of a call that is this audio."""
    session = open_session(settings, specs(models), "evaluation", ("caller",), "replay")
    blocks = (audio[None, at : at + BLOCK_SAMPLES] for at in range(0, len(audio), BLOCK_SAMPLES))
    return [event for event in offline.run(session, blocks, models) if isinstance(event, Emotion)]


def recordings(folder: Path) -> list[Path]:
    """The audio files of a folder. Raises EvaluationError if there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    if not files:
        raise EvaluationError(f"{folder}: no audio in it ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return files


def decoded(path: Path) -> Samples:
    """A recording, shape (n,), mono at 16 kHz. Raises EvaluationError."""
    try:
        whole: Samples = np.concatenate(list(media.read(path, 1)), axis=1)[0]
    except media.MediaError as error:
        raise EvaluationError(str(error)) from None
    return whole


def evaluate(folder: Path, models: Models, settings: Settings) -> Results:
    """What the whole pipeline says of recordings in which nobody speaks. A category is a folder, or what stands before
    `__` in the names of its files."""
    sums: dict[str, dict[str, float]] = {}
    for path in progress(recordings(folder), "nonspeech"):
        audio = decoded(path)
        usable = [event for event in heard(audio, models, settings) if event.reliability != "unusable"]
        hop_s = settings.monitor.hop_s
        for name in (category(path, folder), "all"):
            row = sums.setdefault(name, dict.fromkeys(("files", "seconds", "usable", "trusted", *LABELS), 0.0))
            row["files"] += 1
            row["seconds"] += len(audio) / SAMPLE_RATE_HZ
            row["usable"] += hop_s * len(usable)
            row["trusted"] += hop_s * sum(event.reliability != "low" for event in usable)
            for event in usable:
                row[event.label or "unknown"] += hop_s
    categories = {name: _shares(row) for name, row in sums.items()}
    return {"model": models[Role.EMOTION].spec.name, "folder": str(folder), "categories": categories}


def category(path: Path, folder: Path) -> str:
    prefix, found, _ = path.stem.partition("__")
    if found:
        return prefix
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else folder.name


def _shares(row: Mapping[str, float]) -> Results:
    seconds = row["seconds"] or 1.0
    common = max(LABELS, key=lambda label: row[label])
    return {
        "files": int(row["files"]),
        "minutes": row["seconds"] / 60,
        "usable": min(1.0, row["usable"] / seconds),
        "medium_or_high": min(1.0, row["trusted"] / seconds),
        "angry": min(1.0, row["angry"] / seconds),
        "most_often": common if row[common] else None,
    }


def shown(results: Results) -> Iterator[RenderableType]:
    yield f"{results['model']} on {results['folder']}: share of the time in which an emotion event was"
    rows = dict(sorted(results["categories"].items(), key=lambda item: (item[0] == "all", -item[1]["usable"])))
    yield table("Nobody speaks", rows, "category")
