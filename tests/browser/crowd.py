"""Calls that nobody makes: what a server would say of hundreds of them, for the page alone."""

from __future__ import annotations

import json
import random
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from monitor.labels import LABELS

HOP_S = 0.5
HORIZON_S = 3.0
ROLES = ["customer", "agent"]
CHANNELS = [{"channel": n, "role": role, "emotion": role != "agent"} for n, role in enumerate(ROLES)]
MODELS = {"emotion": {"name": "made-up", "licence": "", "labels": list(LABELS)}}
TEAMS = ("north", "south", "east")
AT = "2026-01-01T10:00:00.000Z"
Event = dict[str, Any]


class MadeUpCall:
    """One call: its anger wanders, its parties take turns."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.call_id = f"made-up-{number:03}"
        self.team = TEAMS[number % len(TEAMS)]
        self.t = 30.0 + number
        self.seq = 100
        self.anger = chance.choice((0.05, 0.05, 0.1, 0.2, 0.5))
        self.speaking: int | None = None
        self.alerts: list[Event] = []
        self._chance = chance

    def view(self) -> Event:
        return {
            "call_id": self.call_id,
            "state": "live",
            "transport": "websocket",
            "channels": CHANNELS,
            "models": MODELS,
            "horizon_s": HORIZON_S,
            "hop_s": HOP_S,
            "tags": {"team": self.team},
            "started_at": AT,
            "ended_at": None,
            "reason": None,
            "duration_s": self.t,
            "speaking": [],
            "speaker": None,
            "emotions": {},
            "alerts": self.alerts,
            "last_seq": self.seq,
            "recent": [],
        }

    def details(self) -> Event:
        """Its history: the customer speaks all the time."""
        turn = {"speaker": "customer", "channel": 0, "start_s": 0.0, "end_s": self.t}
        timeline = [self.emotion() | {"t": number * HOP_S} for number in range(1, int(self.t / HOP_S))]
        return self.view() | {"summary": {"turns": [turn]}, "timeline": timeline, "changes": [], "warnings": []}

    def hop(self) -> list[Event]:
        """What is said of the next half second."""
        self.t += HOP_S
        self.anger = min(0.95, max(0.02, self.anger + self._chance.gauss(0, 0.04)))
        events: list[Event] = []
        if self._chance.random() < 0.2:
            if self.speaking is not None:
                events.append(self.event("speech.ended", self.speaking, start_s=self.t - 4))
            before, self.speaking = self.speaking, 1 - (self.speaking or 0)
            events.append(self.event("speech.started", self.speaking))
            if before is not None:
                events.append(
                    self.event(
                        "speaker.changed",
                        None,
                        **{"from": ROLES[before], "to": ROLES[self.speaking], "confidence": 0.9, "name": None},
                    )
                )
        events.append(self.emotion())
        return events

    def emotion(self) -> Event:
        scores = dict.fromkeys(LABELS, (1 - self.anger) / 10)
        scores |= {"angry": self.anger, "neutral": (1 - self.anger) / 5}
        label = max(scores, key=lambda name: scores[name])
        return self.event(
            "emotion",
            0,
            scores=scores,
            label=label,
            confidence=scores[label],
            arousal=0.3 + self.anger / 2,
            shape="single",
            reliability=self._chance.choice(("high", "medium", "low")),
            speech_s=2.5,
            snr_db=20.0,
            speaker="customer",
            lag_ms=20.0,
        )

    def event(self, kind: str, channel: int | None, **fields: Any) -> Event:
        self.seq += 1
        return {
            "type": kind,
            "call_id": self.call_id,
            "seq": self.seq,
            "t": self.t,
            "channel": channel,
            "at": AT,
        } | fields


class Crowd:
    """So many made-up calls in the place of the server's; `page` must not have been opened yet."""

    def __init__(self, page: Page, count: int, seed: int = 1) -> None:
        chance = random.Random(seed)
        self.calls = [MadeUpCall(number, chance) for number in range(count)]
        self.addresses: list[str] = []
        """Of the events sockets that the page opened."""
        self._sockets: list[WebSocketRoute] = []
        self._turn = 0
        page.route(lambda url: url.split("?")[0].endswith("/v1/calls"), self._list)
        page.route("**/v1/calls/made-up-*", self._details)
        page.route_web_socket(lambda url: "/v1/events" in url, self._joined)

    def pass_time(self, share: int = 2) -> int:
        """Half a hop, or so, of all calls: the events of every `share`-th call, in one message. How many there were."""
        self._turn += 1
        events = [event for call in self.calls[self._turn % share :: share] for event in call.hop()]
        self.say(*events)
        return len(events)

    def say(self, *events: Event) -> None:
        self._sockets[-1].send(json.dumps(events))

    def hang_up(self) -> None:
        """Cut the events socket, as a network does."""
        self._sockets[-1].close(code=1012)

    def _list(self, route: Any) -> None:
        route.fulfill(json={"calls": [call.view() for call in self.calls]})

    def _details(self, route: Any) -> None:
        route.fulfill(json=self.calls[int(route.request.url.rpartition("-")[2])].details())

    def _joined(self, socket: WebSocketRoute) -> None:
        self.addresses.append(socket.url)
        self._sockets.append(socket)
