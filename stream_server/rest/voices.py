"""REST of voices: verify, enroll, identify, and who is known. None of it authenticates anyone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from fastapi import FastAPI, Query, Request, Response

from history.database import DatabaseError
from history.tally import DAY_S
from monitor.analysis import SpeakerSpec
from stream_server.bodies import JSON, answers, asks, json, read_body, read_json
from stream_server.faults import Refusal
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.uploads import OPENAPI, RETRY_S, Upload
from stream_server.jobs.voicestore import Store, open_store
from stream_server.jobs.voicetasks import Enroll, Identify, Verify
from stream_server.jobs.worker import Task
from stream_server.live.engine import Engine
from stream_server.rest.jobs import NO_STORE, asked_of, submit, wait
from workbench.answers import Enrolled, Identified, Verified, VoiceprintList
from workbench.exchange import Imported, VoiceprintDocument, exported, read, take_in
from workbench.sealing import SealError
from workbench.verification import Purpose
from workbench.voiceprints import UnknownVoiceError, Voiceprint, VoiceprintError

PATIENCE_S = 600.0
MOST_DOCUMENT_BYTES = 8 << 20
"""Of a document of voiceprints: some thousands of people. For more there is the command line."""
SENT_WITHIN_S = 60.0
T = TypeVar("T")
Text = Annotated[str, Query(min_length=1, max_length=500)]


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a voiceprint is called from now on."""

    name: str


SHAPES = (Verified, Enrolled, Identified, VoiceprintList, NewName, VoiceprintDocument, Imported)


async def answered(
    request: Request, engine: Engine, jobs: Jobs, task: Task, uploaded: bool = True, media_type: str = JSON
) -> Response:
    """Ask the process that works on recordings, about those of the request if there are any (`uploaded`); they are
    deleted with the answer. Raises Refusal."""
    if uploaded:
        entry = await submit(request, jobs, asked_of(engine, "utterance", False), True, task)
    else:
        with jobs.admit(0) as (folder, _):
            entry = jobs.submit(Upload(folder), asked_of(engine, "utterance", False), True, task)
    try:
        await wait(request, engine, jobs, entry, PATIENCE_S)
        if entry.answer is None:
            raise Refusal("jobs.unavailable", f"it is not done after {PATIENCE_S:g} s; send less at once")
        return Response(entry.answer, media_type=media_type, headers=NO_STORE)
    finally:
        await jobs.remove(entry)


def add_voices(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    _add_recordings(app, engine, jobs)
    _add_known(app, engine)
    _add_exchange(app, engine)


def _add_recordings(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    async def now(request: Request, task: Task) -> Response:
        _speaker(engine)
        return await answered(request, engine, jobs, task)

    @app.post("/v1/verify", tags=["voices"], responses=answers(Verified), openapi_extra=OPENAPI)
    async def verify(
        request: Request,
        purpose: Annotated[Purpose, Query(description="how many strangers may pass")] = Purpose.IDENTITY,
        prior: Annotated[
            float, Query(gt=0, lt=1, description="how likely one speaker is before anything is heard")
        ] = 0.5,
    ) -> Response:
        """Whether recordings, two or more, hold the same voice: each is compared with each."""
        return await now(request, Verify(engine.settings, purpose, prior))

    @app.post("/v1/enroll", tags=["voices"], responses=answers(Enrolled), openapi_extra=OPENAPI)
    async def enroll(
        request: Request,
        name: Text,
        consent: Annotated[str, Query(min_length=1, max_length=500, description="the purpose that was agreed to")],
        days: Annotated[float, Query(gt=0, le=36_500, description="how long the consent holds")],
        note: Annotated[str, Query(max_length=1000, description="how it was recorded")] = "",
        replace: Annotated[bool, Query(description="in place of a voiceprint of this name")] = False,
    ) -> Response:
        """Make a voiceprint of a person who has agreed to it, of one or more recordings. It is biometric data."""
        kept_in(engine)
        return await now(request, Enroll(engine.settings, name, consent, time.time() + days * DAY_S, note, replace))

    @app.post("/v1/identify", tags=["voices"], responses=answers(Identified), openapi_extra=OPENAPI)
    async def identify(request: Request) -> Response:
        """Whose voice each recording holds, of all who have a voiceprint."""
        kept_in(engine)
        return await now(request, Identify(engine.settings))


def _add_known(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/voices", tags=["voices"], responses=answers(VoiceprintList))
    async def known() -> Response:
        """Everyone whose voiceprint is kept and whose consent holds; without the vectors."""
        found = await stored(engine, lambda store: store.voiceprints.known(time.time()))
        return json(VoiceprintList(found), headers=NO_STORE)

    @app.patch(
        "/v1/voices/{name:path}", tags=["voices"], responses=answers(VoiceprintList), openapi_extra=asks(NewName)
    )
    async def rename(request: Request, name: str) -> Response:
        """Call someone otherwise."""
        new = (await read_json(request, NewName)).name

        def renamed(store: Store) -> list[Voiceprint]:
            store.voiceprints.rename(name, new, time.time())
            return store.voiceprints.called(new)

        return json(VoiceprintList(await stored(engine, renamed)), headers=NO_STORE)

    @app.delete("/v1/voices/{name:path}", tags=["voices"], status_code=204)
    async def forget(name: str) -> Response:
        """Delete the voiceprints of a person."""
        await stored(engine, lambda store: store.voiceprints.delete(name))
        return Response(status_code=204)

    @app.delete("/v1/voices", tags=["voices"], status_code=204)
    async def forget_all() -> Response:
        """Delete all voiceprints."""
        await stored(engine, lambda store: store.voiceprints.delete_all())
        return Response(status_code=204)


def _add_exchange(app: FastAPI, engine: Engine) -> None:
    taking_in = asyncio.Lock()

    @app.get("/v1/voices/export", tags=["voices"], responses=answers(VoiceprintDocument))
    async def export() -> Response:
        """The voiceprints of the model in use, vectors included; encrypted if there is a `workbench.key`."""
        spec = _speaker(engine)

        def written(store: Store) -> bytes:
            return msgspec.json.encode(exported(store.voiceprints, spec, time.time(), store.seal))

        headers = {"Content-Disposition": 'attachment; filename="voiceprints.json"', **NO_STORE}
        return Response(await stored(engine, written), headers=headers, media_type=JSON)

    @app.post("/v1/voices/import", tags=["voices"], responses=answers(Imported), openapi_extra=asks(VoiceprintDocument))
    async def take(
        request: Request,
        replace: Annotated[bool, Query(description="in place of those of the same names")] = False,
    ) -> Response:
        """Take in voiceprints that were exported for the same model, by name; who is left out is told, with the
        reason."""
        spec = _speaker(engine)
        kept_in(engine)
        if taking_in.locked():
            raise Refusal("jobs.full", "voiceprints are being taken in already; try again", RETRY_S)
        async with taking_in:
            document = await _document(request)
            done = await stored(
                engine,
                lambda store: take_in(store.voiceprints, read(document, spec, store.seal), time.time(), replace),
            )
        return json(done, headers=NO_STORE)


async def _document(request: Request) -> bytes:
    """Raises Refusal."""
    try:
        async with asyncio.timeout(SENT_WITHIN_S):
            return await read_body(request, JSON, MOST_DOCUMENT_BYTES)
    except TimeoutError:
        raise Refusal("request.invalid", f"the body did not come within {SENT_WITHIN_S:g} s") from None


def _speaker(engine: Engine) -> SpeakerSpec:
    """Raises Refusal if no model hears voices."""
    if engine.specs.speaker is None:
        raise Refusal("jobs.unavailable", "this server has no speaker model (models.speaker is none)")
    return engine.specs.speaker


def kept_in(engine: Engine) -> str:
    """Where voiceprints are kept. Raises Refusal if nothing outlives the server."""
    if not engine.settings.history.url:
        raise Refusal(
            "history.unavailable", "this server keeps nothing (history.url is empty), so no voiceprints either"
        )
    return engine.settings.history.url


async def stored(engine: Engine, ask: Callable[[Store], T]) -> T:
    """What is kept of voices, asked in a thread. Raises Refusal."""
    kept_in(engine)

    def asked() -> T:
        with open_store(engine.settings) as store:
            return ask(store)

    try:
        return await asyncio.to_thread(asked)
    except UnknownVoiceError as error:
        raise Refusal("voice.not_found", str(error), sentence=error.sentence) from None
    except VoiceprintError as error:
        raise Refusal("voice.invalid", str(error), sentence=error.sentence) from None
    except (DatabaseError, SealError) as error:
        raise Refusal("history.unavailable", str(error)) from None
