"""What REST answers with: JSON as msgspec writes it, and what OpenAPI is told of it."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response


def json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def body(shape: type[msgspec.Struct]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an answer with this body; the schemas themselves are added to the document."""
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {200: {"content": {"application/json": {"schema": schema}}}}
