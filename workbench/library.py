"""The embeddings of recordings in the database, to be searched, grouped and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from history.database import Database
from history.schema import embeddings as table
from workbench.sealing import Seal, SealError

AT_ONCE = 1000
"""Rows of one statement."""


class Kind(StrEnum):
    """What an embedding is of. A cohort are voices that nobody asks about, to compare with."""

    EMOTION = "emotion"
    SPEAKER = "speaker"
    COHORT = "cohort"


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, or the part [`start_s`, `end_s`) of one. `about`: what else is known of it, such as the scores of
    the labels under `scores`."""

    source: str
    start_s: float | None = None
    end_s: float | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        if self.start_s is None or self.end_s is None:
            return self.source
        return f"{self.source} [{self.start_s:.1f}-{self.end_s:.1f} s]"

    @property
    def label(self) -> str | None:
        """The emotion with the highest score, where scores are known."""
        scores = self.about.get("scores")
        return max(scores, key=lambda label: scores[label]) if scores else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Embeddings of one kind by one model: `vectors` (items, size), as they were given."""

    kind: Kind
    model: str
    items: Sequence[Item]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)


class LibraryError(ValueError):
    """What was asked for is not in the library, or cannot be put there; the message says why."""


class Library:
    """Use it from threads, never from the event loop: it waits for the disk. Vectors are encrypted if there is a key,
    for those of voices are biometric data."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def add(self, shelf: Shelf, now: float) -> None:
        """Keep embeddings; those of the same recordings, kind and model are replaced. `now` in seconds since 1970.
        Raises LibraryError for a vector that is not finite or all zero."""
        check(shelf)
        rows = [
            {
                "kind": shelf.kind.value,
                "model": shelf.model,
                "source": item.source,
                "start_s": item.start_s,
                "end_s": item.end_s,
                "vector": self._seal.lock(vector, _about(shelf.kind, shelf.model)),
                "sealed_by": self._seal.name,
                "about": item.about,
                "created_at": now,
            }
            for item, vector in zip(shelf.items, shelf.vectors, strict=True)
        ]
        with self._database.erasing() as connection:
            if shelf.kind is not Kind.COHORT:
                sources = sorted({item.source for item in shelf.items})
                for at in range(0, len(sources), AT_ONCE):
                    own = (table.c.kind == shelf.kind.value) & (table.c.model == shelf.model)
                    connection.execute(delete(table).where(own, table.c.source.in_(sources[at : at + AT_ONCE])))
            for at in range(0, len(rows), AT_ONCE):
                connection.execute(insert(table), rows[at : at + AT_ONCE])

    def shelf(self, kind: Kind, model: str) -> Shelf:
        """All embeddings of a kind by a model, in the order in which they came. Raises SealError, and LibraryError if
        they are of several sizes."""
        columns = table.c.source, table.c.start_s, table.c.end_s, table.c.about, table.c.vector, table.c.sealed_by
        which = (table.c.kind == kind.value) & (table.c.model == model)
        items: list[Item] = []
        blocks: list[NDArray[np.float32]] = []
        with self._database.reading() as connection:
            rows = connection.execution_options(yield_per=AT_ONCE).execute(
                select(*columns).where(which).order_by(table.c.id)
            )
            for some in rows.partitions():
                items += [Item(row.source, row.start_s, row.end_s, row.about) for row in some]
                blocks.append(_stacked([self._vector(row, kind, model) for row in some], model))
        return Shelf(kind, model, items, _stacked(blocks, model, np.concatenate))

    def models(self, kind: Kind) -> dict[str, int]:
        """By which models there are embeddings of a kind, and how many."""
        counted = (
            select(table.c.model, func.count().label("held")).where(table.c.kind == kind.value).group_by(table.c.model)
        )
        with self._database.reading() as connection:
            return {row.model: row.held for row in connection.execute(counted)}

    def sources(self, kind: Kind) -> dict[str, list[str]]:
        """The recordings of which there are embeddings of a kind, by model, in the order in which they came."""
        columns = table.c.model, table.c.source
        first = func.min(table.c.id)
        named = select(*columns).where(table.c.kind == kind.value).group_by(*columns).order_by(first)
        out: dict[str, list[str]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(named):
                out.setdefault(row.model, []).append(row.source)
        return out

    def state(self, kind: Kind) -> tuple[int, float]:
        """Changes whenever the embeddings of a kind do."""
        counted = select(func.count(), func.max(table.c.created_at)).where(table.c.kind == kind.value)
        with self._database.reading() as connection:
            count, last = connection.execute(counted).one()
        return count, last or 0.0

    def delete(self, sources: Iterable[str]) -> int:
        """All that is kept of these recordings; how many embeddings that were. A cohort has no names."""
        own = table.c.kind != Kind.COHORT.value
        with self._database.erasing() as connection:
            return sum(
                connection.execute(delete(table).where(own, table.c.source == source)).rowcount for source in sources
            )

    def delete_all(self, kind: Kind) -> int:
        with self._database.erasing() as connection:
            return connection.execute(delete(table).where(table.c.kind == kind.value)).rowcount

    def reseal(self, seal: Seal, connection: Connection) -> int:
        """Encrypt all anew with another key, or with none, in the transaction of `connection`, one of `erasing`; how
        many. What that key has encrypted already is left alone. Raises SealError if one cannot be read."""
        done = 0
        columns = table.c.id, table.c.kind, table.c.model, table.c.source, table.c.vector, table.c.sealed_by
        for row in connection.execute(select(*columns).where(table.c.sealed_by.is_distinct_from(seal.name))).all():
            kind = Kind(row.kind)
            vector = seal.lock(self._vector(row, kind, row.model), _about(kind, row.model))
            connection.execute(update(table).where(table.c.id == row.id).values(vector=vector, sealed_by=seal.name))
            done += 1
        return done

    def _vector(self, row: Row[*tuple[Any, ...]], kind: Kind, model: str) -> NDArray[np.float32]:
        try:
            return self._seal.unlock(row.vector, row.sealed_by, _about(kind, model))
        except SealError as error:
            raise SealError(f"the embedding of {row.source} cannot be read: {error}") from None


def check(shelf: Shelf) -> None:
    """Raises LibraryError for a vector that is not finite or all zero: nothing can be compared with it."""
    good = np.isfinite(shelf.vectors).all(axis=1) & shelf.vectors.any(axis=1)
    if not good.all():
        raise LibraryError(f"{shelf.items[int(np.argmin(good))].source}: its embedding is all zero, or not finite")


def _stacked(
    parts: Sequence[NDArray[np.float32]],
    model: str,
    stack: Callable[[Sequence[NDArray[np.float32]]], NDArray[np.float32]] = np.array,
) -> NDArray[np.float32]:
    """Vectors, or rows of them, one below the other; shape (0, 0) without any."""
    if len({part.shape[-1] for part in parts}) > 1:
        raise LibraryError(f"the embeddings that are kept of {model} are of several sizes; forget and embed them anew")
    return stack(parts) if parts else np.zeros((0, 0), np.float32)


def _about(kind: Kind, model: str) -> str:
    return f"embedding {kind.value} {model}"
