"""`undertone serve`: the listening process, from start to drain."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import ssl
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType

import uvicorn

from history.database import Database, DatabaseError
from inference.model import CheckpointError
from inference.remote import WorkerError
from notify.channel import ChannelError
from notify.delivery import Notifier
from notify.opening import open_channels
from stream_server.jobs.jobs import Jobs
from stream_server.live.crews import load_engine
from stream_server.live.engine import Engine
from stream_server.live.recognition import Recognition
from stream_server.live.streaming import MAX_MESSAGE_BYTES
from stream_server.live.wire import Wire
from stream_server.rest.app import create_app
from stream_server.settings import ServerConfig, Settings, SettingsError
from stream_server.webrtc.process import Start, spawn
from stream_server.webrtc.whip import Whip
from workbench.sealing import SealError

KEEP_ALIVE_S = 20.0


class DrainingServer(uvicorn.Server):
    """Says good-bye to live calls before uvicorn closes their sockets."""

    def __init__(self, config: uvicorn.Config, engine: Engine, announce: bool = True) -> None:
        super().__init__(config)
        self._engine = engine
        self._announce = announce
        self._sockets: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sockets = sockets or []

    async def on_tick(self, counter: int) -> bool:
        """Greet once the models are warm; stop if they do not run."""
        if self._announce and self._engine.ready:
            self._announce = False
            print(greeting(self._engine, *self._sockets[0].getsockname()[:2]), flush=True)
        return await super().on_tick(counter) or self._engine.broken

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's, but a signal that was obeyed is not raised again at the end: that would be a traceback on
        Ctrl-C, and a status that says killed after an orderly SIGTERM."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._engine.drain()
        await super().shutdown(sockets)


def serve(settings: Settings, start: Start = spawn) -> int:
    """Run until SIGINT or SIGTERM; the exit status. `start`: what is to speak WebRTC, by default other processes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # how the schema came to be is nothing for a greeting
    try:
        check_tls(settings.server)
        channels = open_channels(settings.notify, os.environ)
        listener = _listen(settings)
        with closing(Database(settings.history.url)) as database:
            address = settings.server.public_url or _address(settings.server, *listener.getsockname()[:2])
            engine = load_engine(settings, database, Notifier(settings.notify, channels, database, address))
            recognition = Recognition(database, engine.specs.speaker, settings)
            DrainingServer(configured(engine, Whip(engine, start), recognition), engine).run(sockets=[listener])
            return 1 if engine.broken else 0
    except (CheckpointError, WorkerError, SettingsError, ChannelError, DatabaseError, SealError) as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 2


def configured(
    engine: Engine, whip: Whip | None = None, recognition: Recognition | None = None, jobs: Jobs | None = None
) -> uvicorn.Config:
    """How uvicorn is to serve an engine; `whip`, `recognition` and `jobs` as in `create_app`."""
    server = engine.settings.server
    return uvicorn.Config(
        create_app(engine, whip, recognition, jobs),
        ssl_certfile=server.tls_cert or None,
        ssl_keyfile=server.tls_key or None,
        ws=Wire,
        ws_max_size=4 * MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=KEEP_ALIVE_S,
        ws_ping_timeout=None,  # a held-back sender's pongs are not read; idle and send timeouts find the dead
        log_level="warning",
        timeout_graceful_shutdown=5,
        server_header=False,
    )


def check_tls(server: ServerConfig) -> None:
    """Raises SettingsError if HTTPS is wanted and the certificate or its key cannot be used."""
    if server.tls_key and not server.tls_cert:
        raise SettingsError("server.tls_key is set and server.tls_cert is not; HTTPS needs the certificate too")
    if not server.tls_cert:
        return
    for file in filter(None, (server.tls_cert, server.tls_key)):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            server.tls_cert,
            server.tls_key or None,
            password=lambda: "",  # else OpenSSL would ask at the terminal
        )
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"server.tls_cert {server.tls_cert} and server.tls_key {server.tls_key or '(the same file)'} are no "
            f"certificate and its key in PEM, without a passphrase: {error}"
        ) from None


def _listen(settings: Settings) -> socket.socket:
    """Bind before the models load, so that a port in use is said at once."""
    host, port = settings.server.host, settings.server.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno) if error.errno else error}; "
            "choose another with --port, --host or UNDERTONE_SERVER__PORT"
        ) from None


def _address(server: ServerConfig, host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    shown = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host
    return f"{'https' if server.tls_cert else 'http'}://{shown}:{port}"


def greeting(engine: Engine, host: str, port: int) -> str:
    """What is said on standard output once the server takes calls."""
    address = _address(engine.settings.server, host, port)
    specs = (engine.specs.emotion, engine.specs.speaker, engine.specs.speech)
    models = [spec for spec in specs if spec is not None]
    listed = "\n".join(f"  model    {spec.name} (licence {spec.licence})" for spec in models)
    bound, note = [spec.name for spec in models if "NC" in spec.licence], ""
    if bound:
        note = (
            f"\n  For evaluation only, their weights must not be used commercially: {', '.join(bound)}."
            "\n  For production there are emotion2vec+ and CAM++: docs/models/published.md, undertone models pull NAME"
        )
    command = "undertone" if shutil.which("undertone") else os.path.relpath(sys.argv[0])
    return (
        f"Undertone is listening\n  page     {address}/\n  API      {address}/docs\n  metrics  {address}/metrics\n"
        f"{listed}{note}\n  Try it:  {command} stream RECORDING --url {address}   (Ctrl-C stops the server)"
    )
