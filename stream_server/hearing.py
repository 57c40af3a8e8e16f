"""From paths and settings to voices: what the commands about speakers have in common."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from history.database import Database
from inference.model import CheckpointError
from monitor.analysis import Role
from stream_server import media
from stream_server.crews import load_models
from stream_server.settings import Settings
from vad.pcm import Samples
from workbench.library import Library
from workbench.listening import Recording
from workbench.sealing import Seal
from workbench.speakers import Ears, Unheard, Voice
from workbench.voiceprints import Voiceprints

SUFFIXES = frozenset(
    {".aac", ".aiff", ".amr", ".flac", ".m4a", ".mka", ".mkv", ".mov", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav"}
    | {".webm", ".wma"}
)
"""What is taken for a recording in a folder."""


def open_ears(settings: Settings) -> Ears:
    """The speaker model of the settings, and what tells it speech from noise. Raises CheckpointError."""
    if settings.models.speaker == "none":
        raise CheckpointError("models.speaker is none; voices need a speaker model")
    models = load_models(replace(settings, models=replace(settings.models, emotion="none")))
    return Ears(models[Role.SPEAKER], models.get(Role.SPEECH), settings.vad)


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept of voices."""

    database: Database
    voiceprints: Voiceprints
    library: Library


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """What is kept, without the voiceprints whose consent has expired. Raises DatabaseError, SealError."""
    seal = Seal(settings.workbench.key)
    with closing(Database(settings.history.url)) as database:
        store = Store(database, Voiceprints(database, seal), Library(database, seal))
        for name in store.voiceprints.sweep(time.time()):
            print(f"undertone: the voiceprint of {name} was deleted: the consent has expired", file=sys.stderr)
        yield store


def found(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and all recordings in the folders among them, by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES)
        else:
            yield path


def hear(ears: Ears, paths: Iterable[Path]) -> Iterator[Voice]:
    """The voice of each file. Of those that cannot be read, or hold none, a line on standard error says why; so also of
    what makes a voice less sure."""
    for voice in ears.hear(_recordings(paths)):
        if isinstance(voice, Unheard):
            failed(voice.name, voice.problem.text)
            continue
        for problem in voice.quality.problems:
            print(f"undertone: {voice.name}: {problem.text}", file=sys.stderr)
        yield voice


def failed(name: str, reason: str) -> None:
    print(f"undertone: {name}: failed: {reason}", file=sys.stderr)


def _recordings(paths: Iterable[Path]) -> Iterator[Recording]:
    for path in paths:
        try:
            blocks = media.opened(media.read(path, 1))
        except media.MediaError as error:
            failed(path.name, str(error))
            continue
        yield Recording(str(path), _mono(blocks))


def _mono(blocks: Iterator[Samples]) -> Iterator[Samples]:
    return (block[0] for block in blocks)
