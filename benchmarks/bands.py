"""`python -m benchmarks.bands`: how surely a telephone recording is recognised that was saved at a higher rate."""

from __future__ import annotations

import argparse
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import soxr

from evaluation.conditions import TELEPHONE_RATE_HZ, telephone
from evaluation.manifest import data_folder
from evaluation.report import progress
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media
from workbench.facts import CLIFF_DB, Meter
from workbench.media import MediaError
from workbench.recordings import find

FOLDERS = ("emotion/emodb", "emotion/ravdess", "emotion/nemo", "emotion/emovo", "speakers/librispeech",
           "speakers/speechocean762", "speakers/an4")  # fmt: skip


def at_8_khz(samples: Samples) -> Samples:
    """The same, of which an upsampled recording at 8 kHz has all."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)
    wide: Samples = soxr.resample(narrow, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ).astype(np.float32)
    return wide


CONDITIONS: Mapping[str, Callable[[Samples], Samples]] = {
    "as it is": lambda samples: samples,
    "telephone, 300-3400 Hz with mu-law": telephone,
    "8 kHz": at_8_khz,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if a recording cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bands", description=__doc__.split("\n")[0])
    usual = [data_folder() / name for name in FOLDERS]
    parser.add_argument("folders", type=Path, nargs="*", default=usual, help="recordings with all their band")
    parser.add_argument("--limit", type=int, default=80, metavar="N", help="at most N of each folder (default 80)")
    options = parser.parse_args(arguments)
    falls: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    try:
        for path in progress(list(_some(options.folders, options.limit)), "measuring"):
            audio = np.concatenate(list(media.read(path, 1)), axis=1)[0]
            for name, condition in CONDITIONS.items():
                falls[name].append(fall_db(condition(audio)))
    except MediaError as error:
        print(f"bands: {error}", file=sys.stderr)
        return 1
    print(f"steepest fall of the spectrum, dB (a limit from {CLIFF_DB:g} on)")
    for name, found in falls.items():
        values = np.array(found)
        print(
            f"  {name:36}{len(values):5} recordings: {values.min():5.1f} to {values.max():5.1f}, half below "
            f"{np.median(values):.1f}; limited {np.mean(values >= CLIFF_DB):.1%}"
        )
    return 0


def fall_db(samples: Samples) -> float:
    """Of a recording with 16 bits."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        with wave.open(file.name, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(SAMPLE_RATE_HZ)
            out.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
        meter = Meter()
        for block in media.read(Path(file.name), 1):
            meter.feed(block[0])
    return meter.cliff[1]


def _some(folders: Sequence[Path], limit: int) -> Iterator[Path]:
    for folder in folders:
        paths = [item.source for item in find([folder]) if isinstance(item.source, Path)]
        yield from paths[:: max(1, -(-len(paths) // limit))]


if __name__ == "__main__":
    sys.exit(main())
