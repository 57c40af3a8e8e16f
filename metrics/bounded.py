"""Label values that cannot grow without bound."""

from __future__ import annotations

ROLES = ("customer", "agent", "mixed", "left", "right")
OTHER = "other"
MOST_NAMES = 50


def role_label(role: str) -> str:
    """A role as a label value: the usual ones, the rest are `other`."""
    return role if role in ROLES else OTHER


class Bounded:
    """The first so many names that are met keep theirs, the rest are `other`. What a name has become it stays, so that
    its series never changes its meaning."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._names: set[str] = set()

    def label(self, name: str) -> str:
        if name in self._names:
            return name
        if len(self._names) >= self._most:
            return OTHER
        self._names.add(name)
        return name
