"""Conversations on disk that come with a reference of who spoke when."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.manifest import AUDIO_SUFFIXES, EvaluationError

STEREO = "_stereo"
GROUPS = "groups.csv"


@dataclass(frozen=True, slots=True)
class Reference:
    """Somebody spoke from `start` to `end`, in seconds."""

    speaker: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A call on disk, the RTTM file that says who spoke when, and who is on its channels. `groups` are the kinds of
    recording it counts with."""

    name: str
    audio: Path
    rttm: Path
    roles: tuple[str, ...] = ("mixed",)
    groups: tuple[str, ...] = field(default=())


def conversations(folder: Path) -> list[Recording]:
    """Every audio file with an .rttm file of the same stem beside it; `NAME_stereo` may share that of `NAME`, and its
    two channels are kept apart. A groups.csv (columns name, group) says which are pooled. Raises EvaluationError."""
    groups: dict[str, list[str]] = {}
    if (folder / GROUPS).is_file():
        with (folder / GROUPS).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                groups.setdefault(row["name"], []).append(row["group"])
    out: list[Recording] = []
    for audio in sorted(folder.glob("*")):
        if audio.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        stereo = audio.stem.endswith(STEREO)
        rttms = [audio.with_suffix(".rttm")]
        if stereo:
            rttms.append(audio.with_name(audio.stem.removesuffix(STEREO) + ".rttm"))
        rttm = next((path for path in rttms if path.is_file()), None)
        if rttm is not None:
            roles = ("left", "right") if stereo else ("mixed",)
            kinds = ["channels apart" if stereo else "one channel"]
            kinds += groups.get(audio.stem.removesuffix(STEREO), []) if not stereo else []
            out.append(Recording(audio.stem, audio, rttm, roles, tuple(kinds)))
    if not out:
        raise EvaluationError(f"{folder}: no audio file there has an .rttm file of the same name beside it")
    return out


def read_rttm(text: str) -> list[Reference]:
    """The SPEAKER lines of an RTTM file, in order of their starts. Raises ValueError for a line that is broken."""
    out: list[Reference] = []
    for line in text.splitlines():
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        if len(fields) < 8:
            raise ValueError(f"not an RTTM line: {line!r}")
        start = float(fields[3])
        out.append(Reference(fields[7], start, start + float(fields[4])))
    return sorted(out, key=lambda entry: (entry.start, entry.end))


def rttm_line(name: str, turn: Reference) -> str:
    """One SPEAKER line of NIST's RTTM."""
    length, speaker = turn.end - turn.start, "_".join(turn.speaker.split())
    return f"SPEAKER {name} 1 {turn.start:.3f} {length:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
