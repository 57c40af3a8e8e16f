"""From settings to what hears voices, and to what is kept of them: for the commands and for REST."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from history.database import Database
from inference.model import CheckpointError
from monitor.analysis import Role
from stream_server.live.crews import load_models
from stream_server.settings import Settings
from workbench.asked import Item
from workbench.library import Library
from workbench.sealing import Seal
from workbench.speakers import Ears, Unheard, Voice
from workbench.voiceprints import Voiceprints


def open_ears(settings: Settings) -> Ears:
    """The speaker model of the settings, and what tells it speech from noise. Raises CheckpointError."""
    check_speaker(settings)
    models = load_models(replace(settings, models=replace(settings.models, emotion="none")))
    return Ears(models[Role.SPEAKER], models.get(Role.SPEECH), settings.vad)


def check_speaker(settings: Settings) -> None:
    """Raises CheckpointError if the settings name no speaker model."""
    if settings.models.speaker == "none":
        raise CheckpointError("models.speaker is none; voices need a speaker model")


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept of voices."""

    database: Database
    seal: Seal
    voiceprints: Voiceprints
    library: Library


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """What is kept, without the voiceprints whose consent has expired. Raises DatabaseError, SealError."""
    seal = Seal(settings.workbench.key)
    with closing(Database(settings.history.url)) as database:
        store = Store(database, seal, Voiceprints(database, seal), Library(database, seal))
        with database.told():
            for name in store.voiceprints.sweep(time.time()):
                print(f"undertone: the voiceprint of {name} was deleted: the consent has expired", file=sys.stderr)
            yield store


def hear(ears: Ears, items: Iterable[Item]) -> Iterator[Voice]:
    """The voice of each recording. Of those that cannot be read, or hold none, a line on standard error says why; so
    also of what makes a voice less sure."""
    for voice in ears.hear_files(items):
        if isinstance(voice, Unheard):
            tell(voice.name, f"failed: {voice.failure.reason.text} {voice.failure.remedy.text}")
            continue
        for problem in voice.quality.problems:
            tell(voice.name, problem.text)
        yield voice


def tell(name: str, text: str) -> None:
    print(f"undertone: {name}: {text}", file=sys.stderr)
