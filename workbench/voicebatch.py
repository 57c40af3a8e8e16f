"""Many recordings' voices in one run: kept as they are heard, told how long it will take, taken up where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from workbench.asked import Item
from workbench.batch import Progress, Tell
from workbench.speakers import Ears
from workbench.voicefolder import VoiceFolder, VoiceLine


def run(
    items: Sequence[Item],
    ears: Ears,
    folder: VoiceFolder,
    tell: Tell | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[VoiceLine, Progress]]:
    """The lines of result as they become known, each with how far the run is then; what `folder` has already is not
    done again. `tell` is called after every block of the recordings that are heard side by side, and what it raises
    ends the run. Raises OSError if the folder cannot be written to."""
    by_name = {item.name: item for item in items}
    left = folder.left(by_name.values())
    at = Progress(len(by_name), len(by_name) - len(left))
    began_s = clock()

    def told() -> None:
        if tell is not None:
            tell(replace(at, taken_s=clock() - began_s))

    for heard in ears.hear_files(left, told):
        line = folder.keep(by_name[heard.name], heard)
        good = line.status == "done"
        audio_s = 0.0 if line.quality is None else line.quality.duration_s
        at = replace(
            at,
            done=at.done + good,
            failed=at.failed + (not good),
            audio_s=at.audio_s + audio_s,
            taken_s=clock() - began_s,
        )
        yield line, at
