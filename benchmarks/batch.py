"""`python -m benchmarks.batch`: many short recordings, or one of hours, through `undertone predict`: what it takes."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.manifest import data_folder
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media
from workbench.media import MediaError
from workbench.recordings import find

GOAL_S = 60.0
GOAL_MB = 1500.0
TAKEN = re.compile(r"in ([\d.]+) s, ")


@dataclass(frozen=True, slots=True)
class Run:
    """One command: seconds from its start to its end, those of them in which recordings were analysed, the most memory
    that it held in MB (10^6 bytes), and what it said at the end."""

    whole_s: float
    analysing_s: float
    most_mb: float
    said: str


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; a goal that is missed is said, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__.split("\n")[0])
    parser.add_argument(
        "folder", type=Path, nargs="?", default=data_folder() / "emotion", help="recordings to cut from"
    )
    parser.add_argument("--files", type=int, default=1000, help="how many to make (default 1000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="the length of each (default 3)")
    parser.add_argument("--hours", type=float, help="instead one recording of so many hours")
    parser.add_argument("--granularity", choices=("utterance", "turn", "frame"), default="utterance")
    parser.add_argument("--emotion-model", help="as of `undertone predict`")
    parser.add_argument("--speakers", action="store_true", help="also tell speakers apart")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="undertone-batch-") as name:
        paths = [item.source for item in find([options.folder]) if isinstance(item.source, Path)]
        made = Path(name) / "recordings"
        try:
            lengths = [3600 * options.hours] if options.hours else [options.seconds] * options.files
            make(made, lengths, heard(paths))
        except (MediaError, OSError) as error:
            print(f"batch: {error}", file=sys.stderr)
            return 1
        flags = ["--granularity", options.granularity, "--embeddings", "--format", "csv"]
        flags += ["--speakers"] * options.speakers
        flags += ["--emotion-model", options.emotion_model] if options.emotion_model else []
        done = run([*flags, "--out", str(Path(name) / "run"), str(made)])
    if done is None:
        return 1
    goal = f"goal {GOAL_MB:.0f} MB" if options.hours else f"goal {GOAL_S:.0f} s"
    met = done.most_mb < GOAL_MB if options.hours else done.whole_s < GOAL_S
    print(done.said)
    print(
        f"{done.whole_s:.1f} s from start to end, {done.analysing_s:.1f} s of them analysing; {done.most_mb:.0f} MB at "
        f"most; {goal}: {'met' if met else 'MISSED'}"
    )
    busy = os.getloadavg()[0]
    if busy > 0.5 + (os.cpu_count() or 1):
        print(f"the machine is busy with other things (load {busy:.1f}): the figures are worse than they need be")
    if options.json is not None:
        figures = {"whole_s": done.whole_s, "analysing_s": done.analysing_s, "most_mb": done.most_mb}
        options.json.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    return 0


def run(flags: Sequence[str]) -> Run | None:
    """`undertone predict` with `flags`, to its end; None if it failed, which it has said."""
    command = [sys.executable, "-m", "stream_server.commands.cli", "predict", *flags]
    began_s = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        whole_s = time.monotonic() - began_s
        said.seek(0)
        text = said.read().strip()
    last = text.splitlines()[-1] if text else ""
    found = TAKEN.search(last)
    if process.returncode or found is None:
        print(text, file=sys.stderr)
        return None
    return Run(whole_s, float(found[1]), usage.ru_maxrss * 1024 / 1e6, last)


def make(folder: Path, seconds: Sequence[float], audio: Iterator[Samples]) -> None:
    """WAV files of so many seconds each, cut one after the other out of `audio`, blocks of shape (n,)."""
    folder.mkdir()
    left = np.zeros(0, np.float32)
    for number, length_s in enumerate(seconds):
        with wave.open(str(folder / f"audio_{number:04d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            wanted = round(length_s * SAMPLE_RATE_HZ)
            while wanted:
                left = left if len(left) else next(audio)
                piece, left = left[:wanted], left[wanted:]
                file.writeframes((piece.clip(-1, 1) * 32767).astype("<i2").tobytes())
                wanted -= len(piece)


def heard(paths: Sequence[Path]) -> Iterator[Samples]:
    """What the recordings hold, over and over. Raises MediaError."""
    while True:
        for path in paths:
            yield from (block[0] for block in media.read(path, 1))


if __name__ == "__main__":
    sys.exit(main())
