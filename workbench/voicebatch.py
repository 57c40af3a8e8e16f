"""Many recordings' voices in one run: kept as they are heard, told how long it will take, taken up where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from workbench.asked import Item
from workbench.batch import Course, Progress, Tell
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
    course = Course(Progress(len(by_name), len(by_name) - len(left)), clock, tell)
    for heard in ears.hear_files(left, course.heard):
        line = folder.keep(by_name[heard.name], heard)
        audio_s = 0.0 if line.quality is None else line.quality.duration_s
        yield line, course.over(line.file, line.failure, audio_s)
