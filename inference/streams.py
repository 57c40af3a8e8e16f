"""Batches for models that remember their streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.analysis import Stream, Window


def rounds(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Splits a batch so that each stream occurs at most once in a round and its windows keep their order: the places
    in `windows` of each round."""
    waiting = list(range(len(windows)))
    while waiting:
        chosen: dict[Stream, int] = {}
        for at in waiting:
            chosen.setdefault(windows[at].stream, at)
        yield list(chosen.values())
        taken = set(chosen.values())
        waiting = [at for at in waiting if at not in taken]
