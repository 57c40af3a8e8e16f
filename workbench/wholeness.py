"""Whether a file is whole, where FFmpeg takes what is there for all: by what its own bytes say."""

from __future__ import annotations

import re
import struct
from io import SEEK_END
from pathlib import Path

LOOKED_AT = 65_536
"""Bytes at either end; more than the headers of a recorder, and than one page of Ogg."""
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""What programs write that do not know the size yet."""
OGG_LAST_PAGE = 0x04
MP3_FIRST_FRAME = 256
"""Bytes of it that are looked at; what it says of the length lies in its first 48."""
MP3_FRAMES_TOLD = 0x01
_MP3_LENGTH = re.compile(rb"VBRI|(?:Xing|Info)...(.)", re.DOTALL)


def head(source: Path | bytes, start: int = 0) -> bytes:
    """The first bytes from `start` on; none if the file cannot be read, or is a pipe, which would lose them."""
    if isinstance(source, bytes):
        return source[start : start + LOOKED_AT]
    if not source.is_file():
        return b""
    try:
        with source.open("rb") as file:
            file.seek(start)
            return file.read(LOOKED_AT)
    except OSError:
        return b""


def tail(source: Path | bytes) -> bytes:
    """The last bytes; as `head`."""
    if isinstance(source, bytes):
        return source[-LOOKED_AT:]
    if not source.is_file():
        return b""
    try:
        with source.open("rb") as file:
            file.seek(max(0, file.seek(0, SEEK_END) - LOOKED_AT))
            return file.read()
    except OSError:
        return b""


def riff_s(start: bytes) -> float | None:
    """The seconds that the header of a WAVE file promises; None where it promises nothing."""
    if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
        return None
    at, bytes_per_s = 12, 0
    while at + 8 <= len(start):
        name, size = struct.unpack_from("<4sI", start, at)
        if name == b"fmt " and at + 20 <= len(start):
            (bytes_per_s,) = struct.unpack_from("<I", start, at + 16)
        elif name == b"data":
            return size / bytes_per_s if bytes_per_s and size not in UNKNOWN_SIZES else None
        at += 8 + size + size % 2
    return None


def mp3_tells_length(source: Path | bytes) -> bool:
    """Whether the first frame of an MP3 file, behind a tag with its title and pictures, says how many there are."""
    start = head(source)
    if start[:3] == b"ID3" and len(start) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True))
        start = head(source, 10 + size)
    found = _MP3_LENGTH.search(start[:MP3_FIRST_FRAME])
    return found is not None and (found[0] == b"VBRI" or bool(found[1][0] & MP3_FRAMES_TOLD))


def ogg_is_finished(end: bytes) -> bool:
    """Whether the last page of an Ogg file says that it is the last (RFC 3533, section 6)."""
    at = end.rfind(b"OggS")
    return at >= 0 and at + 5 < len(end) and bool(end[at + 5] & OGG_LAST_PAGE)
