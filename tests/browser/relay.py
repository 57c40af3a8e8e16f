"""A network between the browser and the server, which a test can cut: TCP connections are passed on, dropped, refused,
or left open with nothing coming through any more."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

WAIT_S = 0.05
"""How long a thread waits before it looks whether the network is still whole."""
PIECE_BYTES = 65_536


class Relay:
    """Listens on a port of its own, which stays the same, and passes on what comes to `port`. As a context it ends with
    all its threads."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._broken = threading.Event()
        self._silent = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Drop every connection, and refuse new ones."""
        self._broken.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def silence(self) -> None:
        """Close nothing, and let nothing through: what a network does that is simply gone."""
        self._silent.set()

    def mend(self) -> None:
        """Pass everything on from now on."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self._broken.clear()
        self._silent.clear()
        self._run(self._accept, listener)

    def _run(self, serve: Callable[[socket.socket], None], of: socket.socket) -> None:
        thread = threading.Thread(target=serve, args=(of,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(WAIT_S)
        with listener:
            while not self._broken.is_set():
                with suppress(TimeoutError):
                    near, _ = listener.accept()
                    self._run(self._pass_on, near)

    def _pass_on(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self._target) as far:
            ways = {near: far, far: near}
            while not self._broken.is_set():
                if self._silent.is_set():
                    self._broken.wait(WAIT_S)
                    continue
                for source in select.select(list(ways), [], [], WAIT_S)[0]:
                    piece = source.recv(PIECE_BYTES)
                    if not piece:
                        return
                    ways[source].sendall(piece)
