"""Live calls know who has a voiceprint now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from history.database import Database
from monitor.events import SpeakerUpdated
from monitor.gallery import Gallery
from stream_server.recognition import Recognition, gallery_now
from stream_server.settings import Settings, load
from tests.scripted import conversation, known_voices, of
from tests.stream_server.serving import serving
from tests.stream_server.test_streaming import heard, send_all
from tests.workbench.scripted import SPEC, spoken
from tests.workbench.test_voiceprints import CONSENT, DAY, NOW, portrait
from workbench.library import Item, Kind, Library, Shelf
from workbench.sealing import Seal, SealError, new_key
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
    consent = Consent("greeting", 0.0, 1e12)
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
    Voiceprints(database, Seal(new_key())).enrol("Ann", portrait(1), Consent("greeting", 0.0, 1e12), NOW)
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
