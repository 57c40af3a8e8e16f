"""REST of work on recordings: uploads in, lines of result out, at once or as a job."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request, Response
from starlette.responses import FileResponse

from stream_server.bodies import answers, json
from stream_server.faults import Refusal
from stream_server.jobs.entry import Entry
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.uploads import OPENAPI, RETRY_S, receive
from stream_server.jobs.worker import Task
from stream_server.live.engine import Engine
from stream_server.live.intake import parse_roles
from workbench.asked import Asked, EmbeddingsOf
from workbench.jobs import Job, JobList, ProblemCode, Results
from workbench.ledger import RESULTS
from workbench.results import Granularity

MOST = 1000
MOST_PAGE_BYTES = 8 << 20
"""A page ends with the line that makes it longer: one with the scores of all frames may have 3 MB."""
AT_ONCE = 32
"""Recordings that one may wait for in a request."""
LOOK_EVERY_S = 1.0
PASSING: tuple[ProblemCode, ...] = ("cannot_start", "died", "stuck")
"""Problems that may not be there the next time."""
NO_STORE = {"Cache-Control": "no-store"}
Grain = Annotated[Granularity, Query(description="what embeddings are of; frame: scores of every 20 ms, too")]
Embeddings = Annotated[bool, Query(description="make embeddings, and keep them as .npy files")]
Speakers = Annotated[bool, Query(description="who speaks when, and how each sounds; takes about as long again")]
Of = Annotated[EmbeddingsOf, Query(description="speaker: one embedding of each recording's voice, and nothing else")]
EveryFrame = Annotated[bool, Query(description="pauses count like speech")]
Channels = Annotated[int, Query(ge=1, le=2, description="2 keeps the parties apart")]
Roles = Annotated[str | None, Query(description="who is on each channel, such as customer,agent")]
Wait = Annotated[
    float, Query(ge=0, le=600, description="how long to wait; then the answer is 202 and has what there is")
]
After = Annotated[str | None, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


def add_jobs(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    _add_work(app, engine, jobs)
    _add_reading(app, jobs)


def asked_of(
    engine: Engine,
    granularity: Granularity,
    embeddings: bool,
    speakers: bool = False,
    every_frame: bool = False,
    channels: int = 1,
    roles: str | None = None,
    kind: EmbeddingsOf = "emotion",
) -> Asked:
    """What a request asks for, with the settings of the server. Raises Refusal."""
    if kind == "speaker":
        if engine.specs.speaker is None:
            raise Refusal("jobs.unavailable", "this server has no speaker model (models.speaker is none)")
        if (granularity, speakers, every_frame, channels) != ("utterance", False, False, 1):
            reason = "kind speaker: there is one embedding of each recording; granularity, speakers, every_frame and "
            raise Refusal("request.invalid", reason + "channels do not go with it")
        embeddings = True
    if speakers and engine.specs.speaker is None:
        raise Refusal("request.invalid", "speakers: this server has no speaker model (models.speaker is none)")
    settings = engine.settings
    return Asked(
        granularity,
        embeddings,
        every_frame,
        speakers,
        roles=parse_roles(roles, channels),
        monitor=settings.monitor,
        endpointing=settings.vad,
        tracking=settings.tracking,
        kind=kind,
    )


async def submit(request: Request, jobs: Jobs, asked: Asked, ahead: bool, task: Task | None = None) -> Entry:
    """Take the upload of a request. Raises Refusal."""
    announced = request.headers.get("content-length")
    with jobs.admit(None if announced is None else int(announced), ahead) as (folder, limits):
        if ahead:
            limits = replace(limits, most_files=min(AT_ONCE, limits.most_files))
        upload = await receive(request, folder, limits)
        return jobs.submit(upload, asked, ahead, task)


async def wait(request: Request, engine: Engine, jobs: Jobs, entry: Entry, seconds: float) -> None:
    """Until the job is over, or as long as its sender waits: then it is given up. Raises Refusal if it failed."""
    end_s = asyncio.get_running_loop().time() + seconds
    while not entry.over.is_set() and (left_s := end_s - asyncio.get_running_loop().time()) > 0:
        try:
            async with asyncio.timeout(min(LOOK_EVERY_S, left_s)):
                await entry.over.wait()
        except TimeoutError:
            if await request.is_disconnected():
                await jobs.remove(entry)
            if engine.draining:
                raise Refusal("server.stopping", "the server is shutting down") from None
    if entry.problem is not None:
        found = entry.problem
        retry_after_s = RETRY_S if found.code in PASSING else None
        raise Refusal(found.fault, found.reason, retry_after_s, found.sentence)


def _add_work(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    async def now(request: Request, asked: Asked, wait_s: float) -> Response:
        entry = await submit(request, jobs, asked, ahead=True)
        await wait(request, engine, jobs, entry, wait_s)
        return await page(entry, None, AT_ONCE + 1, 200 if entry.over.is_set() else 202)

    @app.post("/v1/predict", tags=["recordings"], responses=answers(Results), openapi_extra=OPENAPI)
    async def predict(
        request: Request,
        granularity: Grain = "utterance",
        embeddings: Embeddings = False,
        speakers: Speakers = False,
        every_frame: EveryFrame = False,
        channels: Channels = 1,
        roles: Roles = None,
        wait_s: Wait = 60.0,
    ) -> Response:
        """How recordings sound: those of a form, up to 32. Goes ahead of jobs, between two of their recordings."""
        return await now(
            request, asked_of(engine, granularity, embeddings, speakers, every_frame, channels, roles), wait_s
        )

    @app.post("/v1/embed", tags=["recordings"], responses=answers(Results), openapi_extra=OPENAPI)
    async def embed(
        request: Request,
        kind: Of = "emotion",
        granularity: Grain = "utterance",
        every_frame: EveryFrame = False,
        channels: Channels = 1,
        roles: Roles = None,
        wait_s: Wait = 60.0,
    ) -> Response:
        """Embeddings of recordings: of emotion, as predict with `embeddings`, or of voices."""
        asked = asked_of(engine, granularity, True, False, every_frame, channels, roles, kind)
        return await now(request, asked, wait_s)

    @app.post("/v1/jobs", tags=["recordings"], status_code=202, responses=answers(Job, 202), openapi_extra=OPENAPI)
    async def begin(
        request: Request,
        kind: Of = "emotion",
        granularity: Grain = "utterance",
        embeddings: Embeddings = False,
        speakers: Speakers = False,
        every_frame: EveryFrame = False,
        channels: Channels = 1,
        roles: Roles = None,
    ) -> Response:
        """Many recordings, or long ones: as predict or embed, but the answer comes at once, the results by and by."""
        asked = asked_of(engine, granularity, embeddings, speakers, every_frame, channels, roles, kind)
        entry = await submit(request, jobs, asked, ahead=False)
        return json(entry.view(), 202, {"Location": f"/v1/jobs/{entry.job_id}"})


def _add_reading(app: FastAPI, jobs: Jobs) -> None:
    @app.get("/v1/jobs", tags=["recordings"], responses=answers(JobList))
    async def list_jobs() -> Response:
        """Jobs that wait, are at work, or are over and not expired; newest first."""
        return json(JobList([entry.view() for entry in jobs.all()]))

    @app.get("/v1/jobs/{job_id}", tags=["recordings"], responses=answers(Job))
    async def show(job_id: str) -> Response:
        """How far a job is, and how long it will take."""
        return json(jobs.find(job_id).view())

    @app.get("/v1/jobs/{job_id}/results", tags=["recordings"], responses=answers(Results))
    async def results(job_id: str, after: After = None, limit: Limit = 100) -> Response:
        """Lines of result, as far as there are any; `next` is null after the last."""
        return await page(jobs.find(job_id), after, limit)

    @app.get("/v1/jobs/{job_id}/files/{name:path}", tags=["recordings"], response_class=FileResponse)
    async def file(job_id: str, name: str) -> Response:
        """A file of a job: `result.json`, `results.csv`, `embedding.npy`, ..., as jobs and results name them."""
        return file_of(jobs.find(job_id), name)

    @app.post("/v1/jobs/{job_id}/stop", tags=["recordings"], responses=answers(Job))
    async def stop(job_id: str) -> Response:
        """Give a job up, if it is not over; what is done of it stays as long as that of others."""
        entry = jobs.find(job_id)
        await jobs.stop(entry)
        return json(entry.view())

    @app.delete("/v1/jobs/{job_id}", tags=["recordings"], status_code=204)
    async def delete(job_id: str) -> Response:
        """Give a job up, if it is not over, and delete all its files."""
        await jobs.remove(jobs.find(job_id))
        return Response(status_code=204)


def file_of(entry: Entry, name: str) -> FileResponse:
    """Raises Refusal."""
    run = entry.run.resolve()
    try:
        path = (run / name).resolve()
        found = path.is_relative_to(run) and path.is_file()
    except (OSError, ValueError):  # no name that a file can have
        found = False
    if not found:
        raise Refusal("request.not_found", f"job {entry.job_id} has no file {name[:200]!r}")
    return FileResponse(path, filename=path.name, headers=NO_STORE)


async def page(entry: Entry, after: str | None, limit: int, status: int = 200) -> Response:
    """Lines of result from a place on. Raises Refusal."""
    over = entry.over.is_set()
    lines, end, more = await asyncio.to_thread(_lines, entry.run / RESULTS, _place(after), limit)
    following = str(end) if more or not over else None
    return json({"job": entry.view(), "results": lines, "next": following}, status, NO_STORE)


def _place(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise Refusal("request.invalid", f"after {after[:80]!r} is not the `next` of a page")
    return int(after)


def _lines(path: Path, start: int, most: int) -> tuple[list[msgspec.Raw], int, bool]:
    """Whole lines from a place in the file on, the place behind the last of them, and whether there may be more. Raises
    Refusal if no line begins there."""
    out: list[msgspec.Raw] = []
    end = start
    try:
        file = path.open("rb")
    except FileNotFoundError:  # nothing is known yet, or everything is deleted
        return out, start, False
    with file:
        if start:
            file.seek(start - 1)
            if file.read(1) != b"\n":
                raise Refusal("request.invalid", f"after '{start}' is not the `next` of a page")
        while len(out) < most and end - start < MOST_PAGE_BYTES:
            if not (line := file.readline()).endswith(b"\n"):
                return out, end, False
            out.append(msgspec.Raw(line[:-1]))
            end += len(line)
    return out, end, True
