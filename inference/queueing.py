"""Which windows form the next batch: a pure policy, told the time.

One queue per model over all calls. Calls take turns, each giving its oldest window; a batch is whatever waits when the
model is free. A live window that has waited longer than its hop and has a newer one of the same channel behind it is
skipped; a patient one (offline work, senders faster than real time) never is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from monitor.analysis import Window


@dataclass(frozen=True, slots=True)
class Ticket:
    """A window in the queue: whose it is, when it came (seconds of a steady clock), and how long it may wait.

    `patience_s` None: as long as it takes.
    """

    owner: Hashable
    window: Window
    arrived_s: float
    patience_s: float | None


class WindowQueue:
    """Bounded: when `capacity` windows wait, the live owner with most gives up its oldest for the next live one.
    Patient windows are never given up: their senders are held back instead, so that each has few."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: dict[Hashable, deque[Ticket]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, ticket: Ticket) -> Ticket | None:
        """Queue a window; returns the ticket that had to make room, if any, which is then to be answered as skipped."""
        displaced = self._make_room() if self._size >= self._capacity and ticket.patience_s is not None else None
        self._waiting.setdefault(ticket.owner, deque()).append(ticket)
        self._size += 1
        return displaced

    def take(self, most: int, now_s: float) -> tuple[list[Ticket], list[Ticket]]:
        """The next batch of at most `most` windows, and those that were overtaken and are to be skipped."""
        batch: list[Ticket] = []
        skipped: list[Ticket] = []
        while len(batch) < most and self._size:
            owner = next(iter(self._waiting))
            ticket = self._pop(owner)
            if owner in self._waiting:
                self._waiting[owner] = self._waiting.pop(owner)
            (skipped if self._overtaken(ticket, now_s) else batch).append(ticket)
        return batch, skipped

    def oldest_s(self) -> float | None:
        """When the live window came that waits longest; None where none waits."""
        live = (tickets[0] for tickets in self._waiting.values() if tickets[0].patience_s is not None)
        return min((ticket.arrived_s for ticket in live), default=None)

    def drop(self, owner: Hashable) -> list[Ticket]:
        """Take out all windows of `owner`."""
        tickets = list(self._waiting.pop(owner, ()))
        self._size -= len(tickets)
        return tickets

    def _make_room(self) -> Ticket | None:
        live = [owner for owner, tickets in self._waiting.items() if tickets[0].patience_s is not None]
        return self._pop(max(live, key=lambda owner: len(self._waiting[owner]))) if live else None

    def _pop(self, owner: Hashable) -> Ticket:
        waiting = self._waiting[owner]
        ticket = waiting.popleft()
        self._size -= 1
        if not waiting:
            del self._waiting[owner]
        return ticket

    def _overtaken(self, ticket: Ticket, now_s: float) -> bool:
        if ticket.patience_s is None or now_s - ticket.arrived_s <= ticket.patience_s:
            return False
        behind = self._waiting.get(ticket.owner, ())
        return any(other.window.channel == ticket.window.channel for other in behind)
