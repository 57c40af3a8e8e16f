"""RTP packets in the order in which they were sent. No I/O, no clock: what is waited for is counted in packets."""

from __future__ import annotations

from typing import Generic, TypeVar

WRAP = 1 << 16
SET_BACK = 100
"""A packet that is further back than this does not come late: its sender counts anew."""
Item = TypeVar("Item")


class PacketOrder(Generic[Item]):
    """Where packet `number` (modulo 2^16) is missing, those behind it wait until `most_waiting` are there, then it is
    given up. One packet in, at most one out: so whoever passes packets on never has a burst."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._next: int | None = None
        self._waiting: dict[int, Item] = {}

    def add(self, number: int, item: Item) -> Item | None:
        """Take a packet in; give the one whose turn it is, if it is there. What comes twice or too late is dropped."""
        if self._next is None:
            self._next = number
        ahead = self._ahead(number)
        if ahead < -SET_BACK:
            self._waiting.clear()
            self._next, ahead = number, 0
        if ahead >= 0:
            self._waiting.setdefault(number, item)
        if self._next not in self._waiting and len(self._waiting) >= self._most_waiting:
            self._next = min(self._waiting, key=self._ahead)
        if self._next not in self._waiting:
            return None
        item = self._waiting.pop(self._next)
        self._next = (self._next + 1) % WRAP
        return item

    def _ahead(self, number: int) -> int:
        assert self._next is not None
        return (number - self._next + WRAP // 2) % WRAP - WRAP // 2
