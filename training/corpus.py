"""Recordings on disk -> one memory-mapped array of samples per section, with a speech mask.

The data folder is `UNDERTONE_DATA`, by default `../shared/data`; its `index.csv` names every recording.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import webrtcvad
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 320
CACHE = Path("training/runs/cache")
SPLIT = Path("training/split.csv")

Samples = NDArray[np.float32]
Mask = NDArray[np.bool_]


def data_root() -> Path:
    return Path(os.environ.get("UNDERTONE_DATA", "../shared/data"))


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: `part` is train, validation or held_out; `start` is its place in the section's array."""

    path: str
    dataset: str
    speaker: str
    emotion: str
    part: str
    start: int
    samples: int


class Section:
    """All recordings of one section (emotion, speakers, nonspeech), decoded once and cached."""

    def __init__(self, name: str) -> None:
        if not (CACHE / f"{name}.json").exists():
            _decode_section(name)
        self.clips = [Clip(**row) for row in json.loads((CACHE / f"{name}.json").read_text())]
        self._samples = np.memmap(CACHE / f"{name}.pcm", np.int16, "r")
        self._speech = np.memmap(CACHE / f"{name}.vad", np.bool_, "r")

    def part(self, part: str) -> list[Clip]:
        return [clip for clip in self.clips if clip.part == part]

    def audio(self, clip: Clip, first: int = 0, samples: int | None = None) -> Samples:
        """Samples of the clip in [-1, 1], from `first`; at most `samples` of them."""
        last = clip.samples if samples is None else min(clip.samples, first + samples)
        pcm = self._samples[clip.start + first : clip.start + last]
        return pcm.astype(np.float32) / np.float32(32768)

    def speech(self, clip: Clip) -> Mask:
        """One value per 20 ms of the clip; a clip in which the VAD hears nothing is speech throughout."""
        first = clip.start // FRAME_SAMPLES
        mask = np.array(self._speech[first : first + clip.samples // FRAME_SAMPLES])
        return mask if mask.sum() >= 10 else np.ones_like(mask)


def read_split() -> dict[str, str]:
    """Speaker -> part, from the committed split."""
    with SPLIT.open(newline="") as file:
        return {row["speaker"]: row["part"] for row in csv.DictReader(file)}


def decode(path: Path) -> NDArray[np.int16]:
    """A whole file as mono 16 kHz; the end that does not fill a frame is dropped."""
    audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(audio.mean(axis=1), rate_hz, SAMPLE_RATE_HZ) if rate_hz != SAMPLE_RATE_HZ else audio.mean(1)
    whole = mono[: len(mono) // FRAME_SAMPLES * FRAME_SAMPLES]
    pcm: NDArray[np.int16] = np.clip(np.rint(whole * 32768), -32768, 32767).astype(np.int16)
    return pcm


def speech_mask(pcm: NDArray[np.int16]) -> Mask:
    """webrtcvad (mode 2) per 20 ms."""
    vad = webrtcvad.Vad(2)
    return np.array([vad.is_speech(frame.tobytes(), SAMPLE_RATE_HZ) for frame in pcm.reshape(-1, FRAME_SAMPLES)])


def _nonspeech_part(name: str) -> str:
    """Held out: fold 5 of ESC-10 (the first digit of the file name) and one piece of music."""
    return "held_out" if "__5-" in name or "vibe_ace" in name else "train"


def _listed(section: str) -> Iterator[Clip]:
    if section == "nonspeech":
        root = data_root()
        for found in sorted((root / "nonspeech").glob("*/*.ogg")):
            path = found.relative_to(root).as_posix()
            yield Clip(path, found.parent.name, "", "", _nonspeech_part(found.name), 0, 0)
        return
    split = read_split()
    with (data_root() / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["path"].startswith(f"{section}/"):
                yield Clip(row["path"], row["dataset"], row["speaker"], row["emotion"], split[row["speaker"]], 0, 0)


def _decode_section(section: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    rows, start = [], 0
    with (CACHE / f"{section}.pcm").open("wb") as samples, (CACHE / f"{section}.vad").open("wb") as masks:
        for clip in _progress(_listed(section), section):
            pcm = decode(data_root() / clip.path)
            samples.write(pcm.tobytes())
            masks.write(speech_mask(pcm).tobytes())
            rows.append(asdict(clip) | {"start": start, "samples": len(pcm)})
            start += len(pcm)
    (CACHE / f"{section}.json").write_text(json.dumps(rows))


def _progress(clips: Iterable[Clip], section: str) -> Iterator[Clip]:
    for number, clip in enumerate(clips, start=1):
        yield clip
        if number % 1000 == 0:
            print(f"decoded {number} {section} recordings", flush=True)
