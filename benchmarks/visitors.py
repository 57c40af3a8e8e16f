"""Those who look on while others call: over WebSocket, over server-sent events, and with plain requests."""

from __future__ import annotations

import asyncio
import random

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.crowd import ANSWER_S, Place, Tally


async def keep_looking_on(place: Place, dice: random.Random, tally: Tally, stop: asyncio.Event) -> None:
    """Look on for some seconds, leave, come back; some resume from an event that nobody knows, and get all there is."""
    while not stop.is_set():
        query = dice.choice(("", "?types=speaker.changed,call.ended", "?after=nobody:1"))
        seconds = dice.uniform(2.0, 20.0)
        look = _look_by_socket if dice.random() < 0.5 else _look_by_http
        try:
            await look(place.url, query, seconds, dice.random() < 0.3)
        except (OSError, ConnectionClosed, httpx.HTTPError) as error:
            tally.fault(f"onlooker: {type(error).__name__}: {error}")
            await asyncio.sleep(0.5)
        tally.onlookers += 1


async def _look_by_socket(url: str, query: str, seconds: float, rudely: bool) -> None:
    address = url.replace("http", "ws", 1) + "/v1/events" + query
    async with connect(address, max_size=None, compression=None, open_timeout=ANSWER_S) as connection:
        try:
            async with asyncio.timeout(seconds):
                async for _ in connection:
                    pass
        except TimeoutError:
            if rudely:
                connection.transport.abort()


async def _look_by_http(url: str, query: str, seconds: float, rudely: bool) -> None:
    del rudely  # there is but one way to leave
    async with (
        httpx.AsyncClient(timeout=ANSWER_S) as client,
        client.stream("GET", f"{url}/v1/events{query}") as answer,
    ):
        answer.raise_for_status()
        try:
            async with asyncio.timeout(seconds):
                async for _ in answer.aiter_raw():
                    pass
        except TimeoutError:
            return


async def keep_asking(place: Place, every_s: float, tally: Tally, stop: asyncio.Event) -> None:
    """Fetch what operators and the page fetch: the metrics, the list of calls, and the newest of them."""
    async with httpx.AsyncClient(base_url=place.url, timeout=ANSWER_S) as client:
        while not stop.is_set():
            try:
                (await client.get("/metrics")).raise_for_status()
                listed = await client.get("/v1/calls")
                calls = listed.raise_for_status().json()["calls"]
                if calls:
                    (await client.get(f"/v1/calls/{calls[0]['call_id']}")).raise_for_status()
            except (httpx.HTTPError, ValueError, KeyError) as error:
                tally.fault(f"REST: {type(error).__name__}: {error}")
            await asyncio.sleep(every_s)
