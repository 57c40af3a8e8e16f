"""A program that is told of alerts: an HTTP receiver in a thread, which keeps what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.notify.receiving import Received


class Hook:
    """Answers 204 to everything, on a port that stays the same."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Received] = []
        hook = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hook.requests.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
        self.port: int = self._server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Whoever calls is refused from now on."""
        self._server.server_close()

    def again(self) -> Hook:
        """A new one on the same port."""
        return Hook(self.port)

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(request.body) for request in self.requests if request.path == path]


def until(found: Callable[[], Any], seconds: float, what: str) -> Any:
    """Ask until there is an answer that counts as true; that."""
    ends_s = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < ends_s, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)
    return answer
