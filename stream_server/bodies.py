"""Bodies of requests and answers: JSON by msgspec, of a bounded size, described to OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from stream_server.faults import Refusal

MOST_BODY_BYTES = 65_536
JSON = "application/json"
Shape = TypeVar("Shape", bound=msgspec.Struct)


def json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer."""
    return Response(msgspec.json.encode(document), status, headers, media_type=JSON)


def answers(shape: type[msgspec.Struct], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an answer with this body; the schemas themselves are added by `app._describe`."""
    return {status: {"content": {JSON: {"schema": _reference(shape)}}}}


def asks(shape: type[msgspec.Struct], required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of a request with this body."""
    return {"requestBody": {"required": required, "content": {JSON: {"schema": _reference(shape)}}}}


async def read_body(request: Request, media_type: str, most_bytes: int = MOST_BODY_BYTES) -> bytes:
    """The body, which must be of a type and not too long. Raises Refusal."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Refusal("request.media_type", f"Content-Type must be {media_type}, and is {given[:80] or 'missing'}")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most_bytes:
            raise Refusal("request.too_big", f"the body has more than {most_bytes} bytes")
    return bytes(data)


def has_body(request: Request) -> bool:
    """Whether a request comes with a body, for those that may have none."""
    return int(request.headers.get("content-length", 0)) > 0 or "transfer-encoding" in request.headers


async def read_json(request: Request, shape: type[Shape], most_bytes: int = MOST_BODY_BYTES, **given: Any) -> Shape:
    """The body as a `shape`; `given`: fields that its address has already told. Raises Refusal, with the path of what
    is wrong."""
    try:
        document = msgspec.json.decode(await read_body(request, JSON, most_bytes))
        if not isinstance(document, dict):
            raise Refusal("request.invalid", "the body must be a JSON object")
        for name, value in given.items():
            if document.setdefault(name, value) != value:
                raise Refusal("request.invalid", f"{name} is {value!r} in the address and another in the body")
        return msgspec.convert(document, shape)
    except msgspec.DecodeError as error:
        raise Refusal("request.invalid", f"the body is not as documented: {error}") from None


def _reference(shape: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
