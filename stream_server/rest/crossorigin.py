"""WHIP for pages of other origins (CORS), which RFC 9725 asks for. Nothing else is shared with them."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_server.webrtc.whip import PATH, SDP

METHODS = ("POST", "PATCH", "DELETE", "OPTIONS")
ASKED_WITH = ("Authorization", "Content-Type", "If-Match")
ANSWERED_WITH = ("Location", "Link", "ETag", "Accept-Post", "Retry-After", "Undertone-Call-Id")


class WhipSharing(CORSMiddleware):
    """Tells a browser that pages of `origins` may publish. It refuses nobody: that is the guard's to do, before it."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=ASKED_WITH,
            expose_headers=ANSWERED_WITH,
            allow_private_network=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shared = scope["type"] == "http" and (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/"))
        await (super().__call__ if shared else self.app)(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        response.headers["Accept-Post"] = SDP  # of any OPTIONS, says the RFC
        return response
