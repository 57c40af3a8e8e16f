"""A server in a process of its own, with the embedded models: what a browser test looks at, stops and starts again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
WARM_WITHIN_S = 90
STOP_WITHIN_S = 20


class ServerProcess:
    """`undertone serve` on a port that stays the same over restarts. `log` gets what it writes to standard error."""

    def __init__(self, log: Path, *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._log = log
        self._flags = flags
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait for the greeting, which comes once the models are warm."""
        command = [sys.executable, "-m", "stream_server.commands.cli", "serve", "--port", str(self.port), *self._flags]
        if not any(flag.startswith("--history.") for flag in self._flags):
            command += ["--history.url", ""]  # gone with the server
        with self._log.open("a") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._process = process
        assert process.stdout is not None
        greeted = threading.Event()
        threading.Thread(target=_follow, args=(process.stdout, greeted), daemon=True).start()
        if not greeted.wait(WARM_WITHIN_S) or process.poll() is not None:
            self.stop()
            raise RuntimeError(f"the server did not come up:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it in order, as an operator would; by force if that does not help."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it at once, as a fault would; what it started ends with it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill_webrtc(self) -> None:
        """End the processes that speak WebRTC, which are those with UDP sockets. The server lives on."""
        assert self._process is not None
        speaking = [
            child
            for child in psutil.Process(self._process.pid).children(recursive=True)
            if child.net_connections(kind="udp")
        ]
        assert speaking
        for child in speaking:
            child.kill()

    def stream(self, recording: Path, *flags: str) -> subprocess.Popen[bytes]:
        """Play a recording to it as a live call, in real time, by the program's own client."""
        command = [
            sys.executable,
            "-m",
            "stream_server.commands.cli",
            "stream",
            str(recording),
            "--url",
            self.url,
            *flags,
        ]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _follow(output: IO[str], greeted: threading.Event) -> None:
    """Read everything, so that the pipe never fills up; `greeted` also when it ends."""
    with output:
        for line in output:
            if "Undertone is listening" in line:
                greeted.set()
    greeted.set()
