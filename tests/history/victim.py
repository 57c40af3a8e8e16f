"""`python -m tests.history.victim URL`: a server with scripted models that keeps its history there, to be killed.

Prints its port. Every call has an alert as soon as its first score is there.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import replace

from history.clock import kept
from history.database import Database
from history.settings import HistoryConfig
from stream_server.commands.serve import DrainingServer, configured
from stream_server.live.engine import Engine
from stream_server.settings import Settings
from tests.history.callsmade import Telling
from tests.stream_server.serving import scripted_models


async def serve(url: str) -> None:
    settings = replace(Settings(), history=HistoryConfig(url=url))
    engine = Engine(settings, [scripted_models()], database=Database(url))
    listener = socket.create_server(("127.0.0.1", 0))
    server = DrainingServer(configured(engine), engine, announce=False)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started and engine.ready):
        await asyncio.sleep(0.01)
    print(listener.getsockname()[1], flush=True)
    assert engine.history is not None
    alerted: set[str] = set()
    while not running.done():
        for record in engine.book.live():
            call_id = record.started.call_id
            if record.emotions and call_id not in alerted:
                alerted.add(call_id)
                telling = Telling(call_id, started_at=kept(record.started_at))
                engine.history.tell(telling.alert(1.0, f"{call_id}:99"), {})
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
