"""Live calls know who has a voiceprint now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from history.database import Database
from inference.model import specs
from monitor.analysis import Role
from monitor.events import Event, SpeakerChanged, SpeakerUpdated
from monitor.gallery import Gallery, Person
from stream_server.live.recognition import Recognition, gallery_now
from stream_server.live.sessions import open_session
from stream_server.settings import Settings, load
from tests.scripted import SPECS, conversation, known_voices, of
from tests.stream_server.serving import serving
from tests.stream_server.test_streaming import heard, send_all
from tests.stream_server.working import shipped
from tests.workbench.scripted import SPEC, spoken
from tests.workbench.test_voiceprints import CONSENT, DAY, NOW, portrait
from vad.grid import SAMPLE_RATE_HZ
from workbench import media, offline
from workbench.library import Item, Kind, Library, Shelf
from workbench.listening import Audio
from workbench.sealing import Seal, SealError, new_key
from workbench.speakers import Ears, Voice
from workbench.voiceprints import Consent, Voiceprints


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database("")
    yield opened
    opened.close()


def settings(**more: str) -> Settings:
    return load({"voiceprints.identify_live": "true", "history.url": "", **more}, {}, None)


async def test_whoever_is_enrolled_or_deleted_meanwhile_is_told_to_the_calls(database: Database) -> None:
    voiceprints = Voiceprints(database, Seal())
    consent = Consent("greeting", 0.0, NOW + 3650 * DAY)
    seen: asyncio.Queue[Gallery] = asyncio.Queue()
    recognition = Recognition(database, SPEC, settings(), every_s=0.01)
    running = asyncio.create_task(recognition.run(seen.put_nowait))
    assert (await seen.get()).names == ()
    await asyncio.to_thread(voiceprints.enrol, "Ann", portrait(1), consent, NOW)
    assert (await seen.get()).names == ("Ann",)
    await asyncio.to_thread(voiceprints.rename, "Ann", "Anna", NOW + 1)
    assert (await seen.get()).names == ("Anna",)
    await asyncio.to_thread(voiceprints.delete, "Anna")
    assert (await seen.get()).names == ()
    running.cancel()


def test_a_new_cohort_is_taken_up(database: Database) -> None:
    recognition = Recognition(database, SPEC, settings())
    cohort = np.array([spoken(speaker).vector for speaker in range(40)])
    for later in range(2):  # the second replaces the first, by as many
        library = Library(database, Seal())
        library.delete_all(Kind.COHORT)
        library.add(Shelf(Kind.COHORT, SPEC.name, [Item("cohort")] * len(cohort), cohort), NOW + later)
        opened = recognition.look(NOW)
        assert opened is not None
        assert opened.normalised
        assert recognition.look(NOW) is None


def test_nobody_is_recognised_beyond_their_consent_though_the_database_cannot_be_read(database: Database) -> None:
    now = time.time()
    voiceprints = Voiceprints(database, Seal())
    for name, speaker, days in (("Ann", 1, 1), ("Bob", 2, 2)):
        voiceprints.enrol(name, portrait(speaker), Consent("greeting", now, now + days * DAY), now)
    recognition = Recognition(database, SPEC, settings())
    assert recognition.look(now) is None
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE voiceprints RENAME TO elsewhere")
    assert recognition.look(now + DAY / 2) is None
    left = recognition.look(now + DAY)
    assert left is not None
    assert left.names == ("Bob",)
    emptied = recognition.look(now + 2 * DAY)
    assert emptied is not None
    assert emptied.names == ()
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO voiceprints")
    assert recognition.look(now + 3 * DAY) is not None
    assert voiceprints.known(now) == []


@pytest.mark.parametrize("identify", ["true", "false"])
def test_the_expired_are_deleted_whether_people_are_to_be_recognised_or_not(database: Database, identify: str) -> None:
    voiceprints = Voiceprints(database, Seal())
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    recognition = Recognition(database, SPEC, settings(**{"voiceprints.identify_live": identify}))
    assert recognition.look(NOW + DAY) is None
    emptied = recognition.look(CONSENT.expires_at)
    assert voiceprints.known(NOW) == []
    assert (None if emptied is None else len(emptied)) == {"true": 0, "false": None}[identify]


def test_a_key_that_does_not_fit_stops_the_start(database: Database) -> None:
    Voiceprints(database, Seal(new_key())).enrol("Ann", portrait(1), Consent("greeting", 0.0, NOW + 3650 * DAY), NOW)
    with pytest.raises(SealError, match="no key is set"):
        Recognition(database, SPEC, settings())
    assert Recognition(database, SPEC, Settings()).gallery is None


def test_people_are_not_recognised_unless_it_is_switched_on_and_there_is_a_model() -> None:
    assert gallery_now(Settings(), SPEC) is None
    assert gallery_now(settings(), None) is None
    nobody = gallery_now(settings(), SPEC)
    assert nobody is not None
    assert nobody.names == ()


@pytest.mark.parametrize("already", [True, False])
async def test_a_live_call_tells_who_speaks_also_if_they_become_known_while_it_goes_on(already: bool) -> None:
    async with serving() as served:
        if already:
            served.engine.recognise(known_voices())
        async with served.stream(call_id="c") as call:
            if not already:
                served.engine.recognise(known_voices())
            sending = asyncio.create_task(send_all(call, conversation()))
            events = await heard(call)
            await sending
    named = {(event.speaker, event.name) for event in of(events, SpeakerUpdated) if isinstance(event, SpeakerUpdated)}
    assert {("S1", "Low"), ("S2", "High")} <= named


def named(events: list[Event]) -> set[tuple[str, str | None]]:
    return {(event.to, event.name) for event in of(events, SpeakerChanged) if isinstance(event, SpeakerChanged)}


def test_each_channel_of_a_real_call_is_named_by_its_voice_whatever_its_role(recordings: Path) -> None:
    """Known by the first 100 s of the call, named in what follows."""
    models, config = shipped(), settings()
    call = np.concatenate(list(media.read(recordings / "conversations" / "auto_repairs_40_stereo.flac", 2)), axis=1)
    known, follows = call[:, : 100 * SAMPLE_RATE_HZ], call[:, 100 * SAMPLE_RATE_HZ : 160 * SAMPLE_RATE_HZ]
    ears = Ears(models[Role.SPEAKER], models.get(Role.SPEECH), config.vad)
    heard = ears.hear(Audio(name, iter([plane])) for name, plane in zip(("Cara", "Al"), known, strict=True))
    people = [Person(voice.name, voice.vector, voice.windows) for voice in heard if isinstance(voice, Voice)]
    gallery = Gallery(ears.spec, people)
    for swapped in (False, True):
        roles = ("agent", "customer") if swapped else ("customer", "agent")
        session = open_session(config, specs(models), "call", roles, "replay", gallery=gallery)
        blocks = (follows[:, at : at + 8000] for at in range(0, follows.shape[1], 8000))
        events = list(offline.run(session, blocks, models))
        updated = {
            (event.speaker, event.name) for event in of(events, SpeakerUpdated) if isinstance(event, SpeakerUpdated)
        }
        assert updated == {(roles[0], "Cara"), (roles[1], "Al")}
        assert (roles[1], "Al") in named(events)


@pytest.mark.parametrize("known", [True, False])
def test_no_voice_is_heard_on_channels_of_their_own_unless_people_are_to_be_recognised(known: bool) -> None:
    session = open_session(
        settings(), SPECS, "call", ("customer", "agent"), "replay", gallery=known_voices() if known else None
    )
    for channel in (0, 1):
        session.receive_audio(channel, conversation())
    assert (Role.SPEAKER in {window.role for window in session.take_windows()}) is known
