"""Recordings as multipart/form-data: as long as it says beforehand, and with one file open at a time, of thousands."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

CHUNK_BYTES = 1 << 18
Recording = str | Path | tuple[str, bytes]
"""A file, or a name and what is in it."""
ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""As browsers write what the name of a file may have and a header may not."""


class Form:
    """A form that consists of recordings."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        """Raises OSError for a file that is not there."""
        self._boundary = secrets.token_hex(16)
        self._parts = [(self._head(each), each) for each in recordings]
        self._size = sum(len(head) + _size(each) + 2 for head, each in self._parts) + len(self._end)

    @property
    def headers(self) -> dict[str, str]:
        """With its length: a server may say at once that there is no room for so much."""
        content_type = f"multipart/form-data; boundary={self._boundary}"
        return {"Content-Type": content_type, "Content-Length": str(self._size)}

    def __iter__(self) -> Iterator[bytes]:
        """The form, piece by piece. Raises OSError."""
        for head, recording in self._parts:
            yield head
            if isinstance(recording, tuple):
                yield recording[1]
            else:
                with Path(recording).open("rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        yield chunk
            yield b"\r\n"
        yield self._end

    async def pieces(self) -> AsyncIterator[bytes]:
        """The same, read by a thread."""
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece

    @property
    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()

    def _head(self, recording: Recording) -> bytes:
        name = recording[0] if isinstance(recording, tuple) else Path(recording).as_posix()
        disposition = f'form-data; name="audio"; filename="{name.translate(ESCAPED)}"'
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode(errors="replace")


def _size(recording: Recording) -> int:
    return len(recording[1]) if isinstance(recording, tuple) else Path(recording).stat().st_size
