"""`undertone serve` with WebRTC in the server's own event loop, for `benchmarks.webrtc` to compare with."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence

from stream_server.commands.serve import serve
from stream_server.settings import declared, load
from stream_server.webrtc.wire import Surroundings
from stream_server.webrtc.worker import serve as serve_line


class InLoop:
    """Serves the far end of a line where the near end is served."""

    def __init__(self, far: socket.socket, surroundings: Surroundings) -> None:
        self._task = asyncio.create_task(serve_line(far, surroundings))

    def stop(self) -> str:
        return "cancelled" if self._task.cancel() else "ended"


async def start(far: socket.socket, surroundings: Surroundings) -> InLoop:
    """Begin to serve the far end, in the running loop."""
    from stream_server.webrtc.tuned import prepare  # loads aiortc

    prepare(surroundings)
    return InLoop(far.dup(), surroundings)


def main(arguments: Sequence[str]) -> int:
    """`serve` and its flags, each with its value."""
    names = {flag: setting.name for setting in declared() for flag in setting.flags}
    flags = {names[flag]: value for flag, value in zip(arguments[1::2], arguments[2::2], strict=True)}
    return serve(load(flags, {}, None), start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
