"""A CSV file that names recordings and says who speaks in them, and how.

Columns: `path` (relative to the manifest), `speaker`, and where they are known `emotion` (one of the nine labels),
`dataset`, `language`. Other columns may be there; `--only` can filter by them.
"""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monitor.labels import LABELS
from vad.pcm import Samples
from workbench import media

ROOT = Path(__file__).resolve().parent.parent
SPLIT = ROOT / "training" / "split.csv"
AUDIO_SUFFIXES = frozenset({".aac", ".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".webm", ".wma"})
Filters = Mapping[str, frozenset[str]]
"""Column -> the values that are let through."""


class EvaluationError(Exception):
    """What was asked for cannot be evaluated; the message says why, and what would be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording. `row` is its line in the manifest; `name` its path as it stands there."""

    row: int
    name: str
    path: Path
    speaker: str
    emotion: str = ""
    dataset: str = "all"
    language: str = ""


@dataclass(slots=True)
class Manifest:
    """The rows that were asked for. `bad` gathers what `skip_bad` lets pass: rows that cannot be used, and why."""

    path: Path
    entries: list[Entry]
    skip_bad: bool = False
    bad: list[str] = field(default_factory=list)

    def audio(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Samples]]:
        """Each recording, shape (n,), mono at 16 kHz. Raises EvaluationError naming the row, unless `skip_bad`."""
        for entry in entries:
            try:
                yield entry, np.concatenate(list(media.read(entry.path, 1)), axis=1)[0]
            except media.MediaError as error:
                self.reject(entry.row, str(error))

    def reject(self, row: int, reason: str) -> None:
        message = f"{self.path}, row {row}: {reason}"
        if not self.skip_bad:
            raise EvaluationError(f"{message} (--skip-bad goes on without such rows)")
        if message not in self.bad:
            self.bad.append(message)

    def by_dataset(self) -> dict[str, list[Entry]]:
        return grouped(self.entries, "dataset")

    def by_speaker(self) -> dict[str, list[Entry]]:
        return grouped(self.entries, "speaker")


def data_folder() -> Path:
    """The folder of recordings: UNDERTONE_DATA, or shared/data beside the checkout."""
    return Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))


def read_manifest(path: Path, needed: Sequence[str], only: Filters, skip_bad: bool = False) -> Manifest:
    """The rows of a manifest that `only` lets through.

    Raises EvaluationError if the file cannot be read, lacks one of the columns `needed`, holds an emotion that is
    none of the nine labels, names a file that is not there, or if nothing is left.
    """
    manifest = Manifest(path, [], skip_bad)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if lacking := [column for column in ("path", *needed, *only) if column not in columns]:
                raise EvaluationError(f"{path}: there is no column {lacking[0]!r}, only {', '.join(columns) or 'none'}")
            rows = [(number, row) for number, row in enumerate(reader, start=2) if _admitted(row, only)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path}: not a manifest that can be read: {error}") from None
    for number, row in rows:
        entry = Entry(
            row=number,
            name=row["path"] or "",
            path=path.parent / (row["path"] or ""),
            speaker=(row.get("speaker") or "").strip(),
            emotion=(row.get("emotion") or "").strip(),
            dataset=(row.get("dataset") or "").strip() or "all",
            language=(row.get("language") or "").strip(),
        )
        if problem := _problem(entry, needed):
            manifest.reject(number, problem)
        else:
            manifest.entries.append(entry)
    if not manifest.entries:
        asked = ", ".join(f"{column}={'/'.join(sorted(values))}" for column, values in only.items())
        raise EvaluationError(f"{path}: no usable row" + (f" with {asked}" if asked else ""))
    return manifest


def filters(only: Sequence[str], part: str | None, split: Path) -> Filters:
    """`only`: column=value[,value]; `part`: the part of `split` (columns speaker, part) that speakers must be of."""
    out: dict[str, frozenset[str]] = {}
    for text in only:
        column, found, values = text.partition("=")
        if not found or not column:
            raise EvaluationError(f"--only {text}: write column=value, or column=value,value")
        out[column] = frozenset(values.split(","))
    if part is not None:
        wanted = part.split(",")
        try:
            with split.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            parts = {row["part"] for row in rows}
            speakers = frozenset(row["speaker"] for row in rows if row["part"] in wanted)
        except (OSError, KeyError) as error:
            raise EvaluationError(f"{split}: not a split with the columns speaker and part ({error})") from None
        if strange := [name for name in wanted if name not in parts]:
            raise EvaluationError(f"--part {strange[0]}: {split} has {', '.join(sorted(parts))}")
        out["speaker"] = out.get("speaker", speakers) & speakers
    return out


def grouped(entries: Iterable[Entry], key: str) -> dict[str, list[Entry]]:
    out: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        out[getattr(entry, key)].append(entry)
    return dict(sorted(out.items()))


def sampled(entries: Iterable[Entry], limit: int | None, seed: int) -> list[Entry]:
    """At most `limit` recordings of each speaker and emotion, chosen by `seed`, in the manifest's order."""
    entries = list(entries)
    if limit is None:
        return entries
    kept: list[Entry] = []
    seen: Counter[tuple[str, str]] = Counter()
    for index in np.random.default_rng(seed).permutation(len(entries)):
        entry = entries[index]
        seen[entry.speaker, entry.emotion] += 1
        if seen[entry.speaker, entry.emotion] <= limit:
            kept.append(entry)
    return sorted(kept, key=lambda entry: entry.row)


def _admitted(row: Mapping[str, str | None], only: Filters) -> bool:
    return all(row[column] in values for column, values in only.items())


def _problem(entry: Entry, needed: Sequence[str]) -> str | None:
    """What keeps an entry from being used."""
    if entry.emotion and entry.emotion not in LABELS:
        return f"emotion {entry.emotion!r} is none of the nine labels {', '.join(LABELS)}"
    if "speaker" in needed and not entry.speaker:
        return "there is no speaker"
    return None if entry.path.is_file() else f"{entry.path}: there is no such file"
