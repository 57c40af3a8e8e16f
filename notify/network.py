"""Connections to public addresses only: the address that is really connected to is looked at, whatever a name says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import httpcore

from notify.addresses import Address, is_public

LOOKUPS_AT_ONCE = 4
Resolve = Callable[[str, int], Sequence[Address]]


class ForbiddenAddressError(Exception):
    """A name leads to no address that may be connected to."""


def resolve(host: str, port: int) -> list[Address]:
    """Every address of a host, in the system's order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(sockaddr[0]) for *_, sockaddr in found]


class PublicOnly(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only. A name is looked up once, here, and the address that was looked at is the one
    connected to, so that a second answer of the name server changes nothing."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()
        self._lookups = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "undertone-lookup")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # so httpcore has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ForbiddenAddressError, or httpcore.ConnectError, of the last address that was tried."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await asyncio.get_running_loop().run_in_executor(self._lookups, self._resolve, host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in {timeout:g} s") from None
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} could not be resolved: {error.strerror}") from None
        allowed = [str(address) for address in addresses if is_public(address)]
        if not allowed:
            raise ForbiddenAddressError(f"{host} leads to no address of the public internet")
        for address in allowed[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(allowed[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)
