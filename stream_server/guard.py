"""Who may ask from a browser. There are no accounts: what protects calls is that only this machine reaches the server,
and a page of another site, open in a browser on this machine, must not get round that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import SplitResult, urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BrowserGuard:
    """Refuses a request whose `Origin` is neither this server's address nor in `allowed_origins`; and, where
    `local_only`, one whose `Host` is no name of this machine (DNS rebinding) nor of an allowed origin (a proxy).
    Programs send no Origin."""

    def __init__(
        self,
        app: ASGIApp,
        allowed_origins: Collection[str],
        local_only: bool,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._refused = refused
        self._allowed_origins = as_browsers_say(allowed_origins)
        self._hosts = LOOPBACK | {_split(origin).hostname for origin in self._allowed_origins}
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._objection(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._app(scope, receive, send)
            return
        self._refused()
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": reason})  # before accept: answers 403
        else:
            document = {"error": {"code": "request.forbidden", "reason": reason}}
            await Response(msgspec.json.encode(document), 403, media_type="application/json")(scope, receive, send)

    def _objection(self, headers: Headers) -> str | None:
        host = headers.get("host", "").casefold()
        if self._local_only and _split(f"//{host}").hostname not in self._hosts:
            return (
                f"this server listens on this machine only and is not called {host[:100]!r}; if a proxy that stands "
                "before it is, name that in the setting server.allowed_origins"
            )
        origin = headers.get("origin")
        if origin is None or origin.casefold() in self._allowed_origins or _split(origin).netloc.casefold() == host:
            return None
        return f"pages of {origin[:100]!r} may not use this server; see the setting server.allowed_origins"


def as_browsers_say(origins: Collection[str]) -> frozenset[str]:
    """Origins as they come in `Origin`: in lower case, without a slash at the end."""
    return frozenset(origin.rstrip("/").casefold() for origin in origins)


def _split(url: str) -> SplitResult:
    """The parts of an address; none of what is no address."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
