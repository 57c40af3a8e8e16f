"""Recordings that come as multipart/form-data: straight to a folder, bounded in bytes, files and time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from stream_server.faults import Refusal
from workbench.asked import Item

MULTIPART = "multipart/form-data"
WRITE_BYTES = 1 << 20
"""Written at once, in a thread: a disk may be slow, and live calls do not wait for it."""
BREATH_S = 0.01
"""So long the event loop is left to live calls after as many bytes."""
SILENT_S = 60.0
"""For how long a sender may send nothing."""
LEAST_BYTES = 1 << 16
"""So much has to come in that time: who sends less holds a place that others wait for."""
MOST_FIELD_BYTES = 1000
MOST_FIELDS = 50
MOST_NAME = 255
MOST_PART_BYTES = 200
"""Of a folder's or file's name in it: a disk takes 255, and `.npy` and the like come behind it."""
ESCAPES = re.compile("%(?:22|0D|0A)", re.IGNORECASE)
ESCAPED = {"%22": '"', "%0D": "", "%0A": ""}
"""What browsers write for the characters that a file name cannot have in a form."""
EXTENDED = re.compile(rb"filename\*\s*=\s*\"?utf-8'[^']*'([^\s;\"]+)", re.IGNORECASE)
RETRY_S = 10.0
OPENAPI = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {"audio": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
"""What OpenAPI says of such a request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one upload: bytes in all, and recordings."""

    most_bytes: int
    most_files: int


@dataclass
class Upload:
    """What came: recordings, which lie in `folder`, by the names that their sender gave them, each once; other fields
    of the form; `size_bytes` of the whole."""

    folder: Path
    items: list[Item] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form begins. `file`: the name of the file that it is, None for a field."""

    name: str
    file: str | None


class PartEnd:
    """A part of a form is over."""


class Form:
    """Takes the body as it comes and hands out its parts: their beginnings, their bytes, their ends."""

    def __init__(self, boundary: bytes) -> None:
        """Raises ValueError for a boundary that cannot be one."""
        self.complete = False
        self._out: list[Part | bytes | PartEnd] = []
        self._header = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._part_begins,
                "on_part_data": lambda data, start, end: self._out.append(data[start:end]),
                "on_part_end": lambda: self._out.append(PartEnd()),
                "on_end": self._ends,
            },
        )

    def feed(self, data: bytes) -> list[Part | bytes | PartEnd]:
        """Raises ValueError where the body is none."""
        self._parser.write(data)
        out, self._out = self._out, []
        return out

    def _add(self, place: int, data: bytes) -> None:
        self._header[place] += data

    def _header_ends(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _part_begins(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise FormParserError("a part of it has no name")
        name = options[b"name"].decode(errors="replace")
        self._out.append(Part(name, _file_name(self._headers[b"content-disposition"], options.get(b"filename"))))

    def _ends(self) -> None:
        self.complete = True


def _file_name(disposition: bytes, given: bytes | None) -> str | None:
    """The name of the file that a part is; None for a field. Some libraries give names that are not ASCII by RFC 5987
    as well, or only so."""
    if (extended := EXTENDED.search(disposition)) is not None:
        return unquote(extended[1].decode("ascii", "replace"))
    if given is None:
        return None
    return ESCAPES.sub(lambda found: ESCAPED[found[0].upper()], given.decode(errors="replace"))


async def receive(request: Request, folder: Path, limits: Limits, fields: Collection[str] | None = ()) -> Upload:
    """Take the body of a request: its recordings into `folder`, which must be there. `fields`: what else it may hold;
    None: whatever it likes. Raises Refusal; what lies in the folder then is the caller's to delete."""
    form = _form(request, limits)
    taking = _Taking(Upload(folder), limits.most_files, fields)
    pace = _Pace()
    chunks = request.stream()
    rested_bytes = 0
    try:
        while True:
            async with asyncio.timeout_at(pace.until_s):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            taking.upload.size_bytes += len(chunk)
            pace.came(len(chunk))
            if taking.upload.size_bytes > limits.most_bytes:
                raise _too_big(limits)
            for piece in form.feed(chunk):
                await taking.take(piece)
            if taking.upload.size_bytes - rested_bytes >= WRITE_BYTES:
                rested_bytes = taking.upload.size_bytes
                await asyncio.sleep(BREATH_S)
        if not form.complete:
            raise Refusal("upload.invalid", "the body ends before its form does")
    except TimeoutError:
        raise Refusal("upload.invalid", f"less than {LEAST_BYTES >> 10} KB came in {SILENT_S:g} s") from None
    except ClientDisconnect:
        raise Refusal("upload.invalid", "its sender has gone") from None
    except ValueError as error:
        raise Refusal("upload.invalid", f"the body is no form: {error}") from None
    except OSError as error:
        raise Refusal("jobs.full", f"the upload cannot be written: {error.strerror}", RETRY_S) from None
    finally:
        taking.close()
    if not taking.upload.items:
        raise Refusal("upload.invalid", "there is no recording in it: a part with a file name")
    return taking.upload


def _form(request: Request, limits: Limits) -> Form:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != MULTIPART.encode() or b"boundary" not in options:
        raise Refusal("request.media_type", f"Content-Type must be {MULTIPART}, with a boundary")
    if int(request.headers.get("content-length", 0)) > limits.most_bytes:
        raise _too_big(limits)
    try:
        return Form(options[b"boundary"])
    except ValueError as error:
        raise Refusal("request.media_type", f"the boundary cannot be used: {error}") from None


def _too_big(limits: Limits) -> Refusal:
    return Refusal("upload.too_big", f"more than {limits.most_bytes >> 20} MB; send it in several requests")


class _Pace:
    """How long a sender has for the next LEAST_BYTES: in time of the event loop, until `until_s`."""

    def __init__(self) -> None:
        self._bytes = 0
        self.until_s = asyncio.get_running_loop().time() + SILENT_S

    def came(self, size: int) -> None:
        self._bytes += size
        if self._bytes >= LEAST_BYTES:
            self._bytes = 0
            self.until_s = asyncio.get_running_loop().time() + SILENT_S


class _Taking:
    """Where the parts of one upload go."""

    def __init__(self, upload: Upload, most_files: int, fields: Collection[str] | None) -> None:
        self.upload = upload
        self._most_files = most_files
        self._fields = fields
        self._names: dict[str, int] = {}
        self._file: IO[bytes] | None = None
        self._field = ""
        self._held = bytearray()

    async def take(self, piece: Part | bytes | PartEnd) -> None:
        """Raises Refusal, OSError."""
        match piece:
            case Part(name=name, file=None):
                if self._fields is not None and name not in self._fields:
                    known = f"; {', '.join(self._fields)} would be known" if self._fields else ""
                    reason = f"there is no field {name[:80]!r} here{known}; a recording is a part with a file name"
                    raise Refusal("upload.invalid", reason)
                self._field = name
            case Part(file=str(file)):
                self._begin(file)
            case bytes(data):
                self._held += data
                if self._file is None and len(self._held) > MOST_FIELD_BYTES:
                    raise Refusal("upload.invalid", f"the field {self._field!r} has more than {MOST_FIELD_BYTES} bytes")
                if len(self._held) >= WRITE_BYTES:
                    await self._write()
            case PartEnd():
                await self._end()

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk is told where it was written to
                self._file.close()

    def _begin(self, file: str) -> None:
        if len(self.upload.items) == self._most_files:
            reason = f"more than {self._most_files} recordings; send them in several requests, many to /v1/jobs"
            raise Refusal("upload.too_big", reason)
        suffix = PurePosixPath(file).suffix
        kept = suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""
        path = self.upload.folder / f"{len(self.upload.items):05}{kept}"
        self._file = path.open("xb")
        self.upload.items.append(Item(self._unique(named(file)), path))

    async def _write(self) -> None:
        assert self._file is not None
        data, self._held = bytes(self._held), bytearray()
        await asyncio.to_thread(self._file.write, data)

    async def _end(self) -> None:
        if self._file is None:
            if len(self.upload.fields) < MOST_FIELDS:
                self.upload.fields[self._field] = self._held.decode(errors="replace")
            self._held.clear()
            return
        await self._write()
        self._file.close()
        self._file = None

    def _unique(self, name: str) -> str:
        """Two recordings of a name have two results."""
        path, out = PurePosixPath(name), name
        while out in self._names:
            self._names[name] += 1
            out = str(path.with_name(f"{path.stem} ({self._names[name]}){path.suffix}"))
        self._names[out] = 1
        return out


def named(file: str) -> str:
    """The name that a recording goes by: as its sender says, without what does not belong into a name, and within its
    folders."""
    printable = "".join(sign for sign in file.replace("\\", "/") if sign.isprintable())
    parts = [_shortened(part) for part in printable.split("/") if part.strip(". ")]
    return "/".join(parts)[-MOST_NAME:].strip("/ ") or "recording"


def _shortened(part: str) -> str:
    """A name of which the end, where its kind stands, stays whole."""
    suffix = PurePosixPath(part).suffix
    suffix = suffix if len(suffix.encode()) <= 16 else ""
    stem = part.removesuffix(suffix).encode()[: MOST_PART_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix
