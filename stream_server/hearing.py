"""From paths and settings to voices: what the commands about speakers have in common."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from history.database import Database
from inference.model import CheckpointError
from monitor.analysis import Role
from stream_server.crews import load_models
from stream_server.settings import Settings
from vad.pcm import Samples
from workbench import media
from workbench.asked import Item
from workbench.failures import failed
from workbench.library import Library
from workbench.listening import Audio
from workbench.sealing import Seal
from workbench.speakers import Ears, Unheard, Voice
from workbench.voiceprints import Voiceprints


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
    for voice in hear_all(ears, items):
        if isinstance(voice, Unheard):
            tell(voice.name, f"failed: {voice.failure.reason.text} {voice.failure.remedy.text}")
            continue
        for problem in voice.quality.problems:
            tell(voice.name, problem.text)
        yield voice


def hear_all(ears: Ears, items: Iterable[Item]) -> Iterator[Voice | Unheard]:
    """What becomes of each recording, readable or not; in the order in which they are done."""
    unreadable: list[Unheard] = []
    for voice in ears.hear(_audio(items, unreadable)):
        yield voice
        yield from unreadable
        unreadable.clear()
    yield from unreadable


def _audio(items: Iterable[Item], unreadable: list[Unheard]) -> Iterator[Audio]:
    """Those that can be read; the others go into `unreadable`."""
    for item in items:
        try:
            blocks = media.opened(_mono(item))
        except media.MediaError as error:
            unreadable.append(Unheard(item.name, failed(error.code, **error.values)))
            continue
        yield Audio(item.name, blocks)


def _mono(item: Item) -> Iterator[Samples]:
    with media.Recording(item.source, item.name) as recording:
        for block in recording.blocks(1):
            yield block[0]


def tell(name: str, text: str) -> None:
    print(f"undertone: {name}: {text}", file=sys.stderr)
