"""`undertone serve` as a process of its own, from start to exit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

START_S = 120.0
STOP_S = 30.0
POLL_S = 0.1
ADDRESS = re.compile(r"page\s+(http://\S+?)/?\s")
TROUBLE = re.compile(r" (WARNING|ERROR|CRITICAL) |^Traceback|^\w*(Error|Exception)\b")


class ServingError(Exception):
    """The server did not start, or did not stop as it should; the message says how, with the end of its log."""


class Serving:
    """A server on a free port of this machine. Inside the `with`, it is ready; leaving it, it is stopped.

    `flags` go to `undertone serve`, or to another `module` that serves. The server's output gathers in a file that is
    removed at the end, and so, unless the flags say otherwise, is what it keeps.
    """

    def __init__(self, flags: Sequence[str] = (), module: str = "stream_server.commands.cli") -> None:
        self.url = ""
        self.exit_status: int | None = None
        self.stop_s = 0.0
        self._folder = tempfile.TemporaryDirectory(prefix="undertone-bench-")
        self._log = Path(self._folder.name) / "log"
        with self._log.open("wb") as out:
            command = [sys.executable, "-m", module, "serve", "--port", "0", "--history.url", "", *flags]
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Serving:
        try:
            self._await_start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self.exit_status is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def trouble(self) -> list[str]:
        """The lines of the log that tell of something that went wrong."""
        return [line for line in self.log().splitlines() if TROUBLE.search(line)]

    def stop(self) -> int:
        """Send SIGTERM and wait for the exit status. Raises ServingError if it does not end."""
        began_s = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self.exit_status = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise ServingError(f"the server did not end within {STOP_S:g} s of SIGTERM\n{self._tail()}") from None
        self.stop_s = time.monotonic() - began_s
        return self.exit_status

    def _await_start(self) -> None:
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            if not self.running:
                raise ServingError(f"the server ended at once, status {self._process.returncode}\n{self._tail()}")
            if not self.url and (found := ADDRESS.search(self.log())):
                self.url = found.group(1)
            if self.url and self._ready():
                return
            time.sleep(POLL_S)
        raise ServingError(f"the server was not ready after {START_S:g} s\n{self._tail()}")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "ready")
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def _tail(self) -> str:
        return "\n".join(self.log().splitlines()[-15:])
