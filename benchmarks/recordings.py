"""Where the recordings are, and those that come with a reference of who spoke when."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Reference:
    """Somebody spoke from `start` to `end`, in seconds."""

    speaker: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A call on disk, who is on its channels, and the RTTM file that says who spoke when."""

    name: str
    audio: Path
    rttm: Path
    roles: tuple[str, ...] = ("mixed",)


def data_folder() -> Path:
    """The folder of recordings: UNDERTONE_DATA, or shared/data beside the checkout."""
    return Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))


def conversations() -> list[Recording]:
    """The conversations of the data folder that have a reference, whether or not the files are there."""
    folder = data_folder() / "conversations"
    call = folder / "auto_repairs_40.rttm"
    mono = ["auto_repairs_40", "two_speakers_30s", *(f"ami_trn0{n}" for n in range(1, 6))]
    stereo = Recording("auto_repairs_40_stereo", folder / "auto_repairs_40_stereo.flac", call, ("customer", "agent"))
    listed = [Recording(name, folder / f"{name}.flac", folder / f"{name}.rttm") for name in mono]
    return [listed[0], stereo, *listed[1:]]


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
