"""The HTTP and WebSocket surface."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from prometheus_client.exposition import choose_encoder
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from history.keeping import HistoryError
from metrics.snapshot import Snapshot
from monitor.events import EVENTS
from monitor.rules import Rule
from stream_server.bodies import json
from stream_server.faults import FAULTS, Refusal
from stream_server.guard import LOOPBACK, BrowserGuard, as_browsers_say
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.process import JobProcess
from stream_server.live import notifications
from stream_server.live.callbook import CallDetails
from stream_server.live.crews import load_models
from stream_server.live.engine import Engine
from stream_server.live.onlookers import PromptResponse, parse_filter, server_sent, watch
from stream_server.live.pressure import RETRY_S
from stream_server.live.recognition import Recognition
from stream_server.live.rulebook import RuleList, RuleView
from stream_server.live.streaming import stream
from stream_server.rest import library, voices
from stream_server.rest.alerts import Attended, AuditPage, Trends, add_alerts
from stream_server.rest.calls import NewNote, add_calls
from stream_server.rest.crossorigin import WhipSharing
from stream_server.rest.former import add_former
from stream_server.rest.jobs import add_jobs
from stream_server.rest.library import add_library
from stream_server.rest.models import ModelFacts, add_models
from stream_server.rest.pastcalls import AlertPage, AlertRecord, CallPage, Notes, Summary, Timeline, Turns
from stream_server.rest.rules import add_rules
from stream_server.rest.voices import add_voices
from stream_server.version import VERSION
from stream_server.webrtc.whip import FRAGMENT, PATH, SDP, Whip
from workbench.jobs import Job, JobList, Results
from workbench.sentences import Sentence

log = logging.getLogger("undertone")
FRONTEND = Path(__file__).resolve().parent.parent.parent / "frontend_static"
PAGES = ("/", "/dashboard", "/trends", "/workbench")
HISTORY = (CallPage, Timeline, Turns, Summary, Notes, NewNote, AlertPage, AlertRecord, Attended, AuditPage, Trends)
WORK = (Job, JobList, Results, *voices.SHAPES, *library.SHAPES)
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),  # blob: is what the reader chose from their own disk, which the workbench plays
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
DESCRIPTION = (
    "Live calls, and what is heard in them. OpenAPI knows no WebSockets; these are two:\n\n"
    "- `WS /v1/stream?encoding=pcm_s16le|pcm_f32le|mulaw|alaw&sample_rate=8000..48000&channels=1|2&roles=customer,agent"
    "&call_id=...`: binary messages are audio, each event comes back as a text message; "
    '`{"type":"finish"}` ends the call.\n'
    "- `WS /v1/events?call_id=&types=&role=&tag=key:value&after=`: the events of all calls, in JSON arrays.\n\n"
    "The events are among the schemas below; docs/protocol.md explains every field and code."
)


def create_app(
    engine: Engine, whip: Whip | None = None, recognition: Recognition | None = None, jobs: Jobs | None = None
) -> FastAPI:
    """The application around an engine; the models warm up while it starts. `whip`: what takes calls over WebRTC,
    `jobs`: what works on recordings; by default both with processes of their own. `recognition`: what tells the engine
    who is known; without it nobody is named."""
    published = whip or Whip(engine)
    offline = jobs or Jobs(engine.settings.jobs, partial(JobProcess, partial(load_models, engine.settings)))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming_up = asyncio.create_task(engine.start())  # /healthz and /readyz answer meanwhile
        await offline.open(engine.instruments)
        recognising = None if recognition is None else asyncio.create_task(recognition.run(engine.recognise))
        yield
        if recognising is not None:
            recognising.cancel()
        await warming_up
        await engine.drain()
        await offline.close()
        published.close()
        engine.close()

    app = FastAPI(
        title="Undertone",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    server = engine.settings.server
    local_only = server.host.casefold() in LOOPBACK
    refused = engine.instruments.faults.labels("request.forbidden").inc
    app.add_middleware(WhipSharing, origins=as_browsers_say(server.allowed_origins))
    app.add_middleware(BrowserGuard, allowed_origins=server.allowed_origins, local_only=local_only, refused=refused)
    _add_streams(app, engine)
    _add_whip(app, published)
    add_calls(app, engine)
    add_alerts(app, engine)
    add_rules(app, engine)
    notifications.add_notifications(app, engine.notifier)
    add_jobs(app, engine, offline)
    add_voices(app, engine, offline)
    add_library(app, engine, offline)
    add_former(app, engine, offline)
    add_models(app, engine)
    _add_operations(app, engine)
    _add_pages(app)
    _add_faults(app, engine)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document the schemas of what msgspec encodes, events included."""
    _, schemas = msgspec.json.schema_components(
        (CallDetails, *HISTORY, Rule, RuleView, RuleList, *notifications.SHAPES, *WORK, ModelFacts, *EVENTS),
        ref_template="#/components/schemas/{name}",
    )
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _add_streams(app: FastAPI, engine: Engine) -> None:
    @app.websocket("/v1/stream")
    async def stream_audio(socket: WebSocket) -> None:
        await stream(socket, engine)

    @app.websocket("/v1/events")
    async def watch_events(socket: WebSocket) -> None:
        await watch(socket, engine)

    @app.get("/v1/events", tags=["events"], response_class=StreamingResponse)
    async def stream_events(
        request: Request,
        call_id: Annotated[str | None, Query(description="only this call")] = None,
        types: Annotated[str | None, Query(description="event types, comma-separated")] = None,
        role: Annotated[str | None, Query(description="only calls or channels of this role")] = None,
        tag: Annotated[str | None, Query(description="only calls with this tag, key:value")] = None,
        after: Annotated[str | None, Query(description="id of the last event seen, call_id:seq")] = None,
    ) -> Response:
        """Events of all calls as server-sent events; `Last-Event-ID` resumes like `after`."""
        wanted = parse_filter(request.query_params)
        seen = request.headers.get("last-event-id", after)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return PromptResponse(server_sent(engine, wanted, seen), media_type="text/event-stream", headers=headers)


def _add_whip(app: FastAPI, whip: Whip) -> None:
    """Calls over WebRTC; OpenAPI is told of bodies and answers, which are no JSON."""
    offer = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
    fragment = {"requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}}}
    answered: dict[int | str, dict[str, Any]] = {201: {"content": {SDP: {"schema": {"type": "string"}}}}}

    @app.post(PATH, tags=["whip"], status_code=201, responses=answered, openapi_extra=offer, response_class=Response)
    async def publish(
        request: Request,
        channels: Annotated[str, Query(description="1, or 2: stereo Opus, a party on each side")] = "1",
        roles: Annotated[str | None, Query(description="who is on each channel, such as customer,agent")] = None,
        call_id: Annotated[str | None, Query(description="the id of the call; made up if left out")] = None,
    ) -> Response:
        """Begin a call over WebRTC (RFC 9725): an SDP offer in, the answer out; `Location` is the call's address."""
        return await whip.publish(request)

    @app.options(PATH, tags=["whip"], status_code=204)
    async def ask(request: Request) -> Response:
        """What may be posted, and the ICE servers (`Link`)."""
        return whip.options(request)

    @app.patch(f"{PATH}/{{key}}", tags=["whip"], status_code=204, openapi_extra=fragment)
    async def trickle(request: Request, key: str) -> Response:
        """More ICE candidates of the publisher's."""
        return await whip.trickle(request, key)

    @app.delete(f"{PATH}/{{key}}", tags=["whip"], response_class=Response)
    async def end(request: Request, key: str) -> Response:
        """End the call."""
        return whip.end(request, key)


def _add_operations(app: FastAPI, engine: Engine) -> None:
    @app.get("/healthz", tags=["operations"])
    async def alive() -> Response:
        """200 as long as the process answers; `history`: `written`, why it is not at present, or `off`."""
        history = "off" if engine.history is None else engine.history.problem or "written"
        return json({"status": "ok", "version": VERSION, "history": history})

    @app.get("/readyz", tags=["operations"])
    async def ready() -> Response:
        """200 once the models are warm and while calls are taken, else 503 with the reason."""
        status = engine.status
        answer = json({"status": status}, 200 if status == "ready" else 503)
        if status in ("full", "models restarting"):
            answer.headers["Retry-After"] = str(RETRY_S)
        return answer

    @app.get("/metrics", tags=["operations"])
    async def metrics(request: Request) -> Response:
        """Prometheus metrics."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        said = await asyncio.to_thread(encode, Snapshot(engine.instruments.registry))
        return Response(said, media_type=content_type)


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def microphone() -> Response:
        return FileResponse(FRONTEND / "mic" / "index.html")

    @app.get("/dashboard", include_in_schema=False)
    async def dashboard() -> Response:
        return FileResponse(FRONTEND / "dashboard" / "index.html")

    @app.get("/trends", include_in_schema=False)
    async def trends() -> Response:
        return FileResponse(FRONTEND / "trends" / "index.html")

    @app.get("/workbench", include_in_schema=False)
    async def workbench() -> Response:
        return FileResponse(FRONTEND / "workbench" / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Undertone API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon-32x32.png",
        )

    # The assets come from an installed package, so that the page works where there is no internet.
    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_swagger", "resources")]), name="docs")
    app.mount("/static", StaticFiles(directory=FRONTEND), name="static")
    app.add_middleware(_PageHeaders)


class _PageHeaders:
    """Adds to what the pages consist of: nothing from outside the machine, and always the files of this version."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] in PAGES or scope["path"].startswith("/static/")):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(PAGE_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _add_faults(app: FastAPI, engine: Engine) -> None:
    """Every error leaves in one shape: {"error": {"code", "reason"}}, some with a `sentence` that a page translates."""

    def answer(code: str, reason: str, sentence: Sentence | None = None) -> Response:
        engine.instruments.faults.labels(code).inc()
        error: dict[str, Any] = {"code": code, "reason": reason}
        if sentence is not None:
            error["sentence"] = sentence
        return json({"error": error}, FAULTS[code].status or 500)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        response = answer(refusal.fault.code, refusal.reason, refusal.sentence)
        if refusal.retry_after_s is not None:
            response.headers["Retry-After"] = str(math.ceil(refusal.retry_after_s))
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @app.exception_handler(HistoryError)
    async def silent(_: Request, error: HistoryError) -> Response:
        return answer("history.unavailable", str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return answer("request.invalid", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        codes = {404: "request.not_found", 405: "request.method_not_allowed"}
        response = answer(codes.get(error.status_code, "request.invalid"), str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return answer("server.failed", "something broke on our side; the log has it")
