"""One POST, and what became of it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore

from notify.network import ForbiddenAddressError, PublicOnly

MOST_BYTES = 64 * 1024
"""So much is read of the body of an answer, at most."""
AGAIN = (408, 425, 429)
"""Statuses from 400 to 499 after which another attempt may do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt. `problem`: None where it was delivered; `lasting`: another attempt would not help;
    `retry_after_s`: how long the other side asks to be left alone."""

    problem: str | None = None
    lasting: bool = False
    retry_after_s: float | None = None


DELIVERED = Answer()


class Poster:
    """Posts JSON to one address. Redirects are not followed, proxies of the environment not used; a connection serves
    one message, so that its address is looked at anew each time."""

    def __init__(self, url: str, timeout_s: float, network: PublicOnly | None = None) -> None:
        """`network`: what connects, by default to any address."""
        self._url = url
        self._timeout_s = timeout_s
        self._network = network
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context() if url.startswith("https:") else None,
            network_backend=network,
            max_keepalive_connections=0,
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises."""
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        sent = {"content-type": "application/json", "user-agent": "undertone", "connection": "close", **headers}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._pool.stream(
                    "POST", self._url, headers=list(sent.items()), content=body, extensions={"timeout": timeouts}
                ) as response,
            ):
                await _drain(response)
        except ForbiddenAddressError as error:
            return Answer(f"{error}; allow_private = true would allow it", lasting=True)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(f"no answer within {self._timeout_s:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Answer(str(error) or type(error).__name__)
        said = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        return judged(response.status, _retry_after_s(said.get(b"retry-after", ""), time.time()))

    async def close(self) -> None:
        await self._pool.aclose()
        if self._network is not None:
            self._network.close()


def judged(status: int, retry_after_s: float | None) -> Answer:
    """What an HTTP status means for the message."""
    if 200 <= status < 300:
        return DELIVERED
    shown = str(status)
    with suppress(ValueError):
        shown = f"{status} {HTTPStatus(status).phrase}"
    if 300 <= status < 400:
        return Answer(f"{shown}: redirects are not followed", lasting=True)
    return Answer(shown, 400 <= status < 500 and status not in AGAIN, retry_after_s)


async def _drain(response: httpcore.Response) -> None:
    """Let the other side finish what it says, unless that is much."""
    read = 0
    async for chunk in response.aiter_stream():
        read += len(chunk)
        if read > MOST_BYTES:
            return


def _retry_after_s(text: str, now_s: float) -> float | None:
    """Of a `Retry-After`: seconds, or a date."""
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    return None
