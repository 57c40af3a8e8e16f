"""What REST asks of embeddings that are kept, as it is done in the process that works on recordings."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from history.database import DatabaseError
from inference.model import Models
from stream_server.jobs.voicestore import Store, open_store
from stream_server.jobs.worker import TaskError
from stream_server.settings import Settings
from workbench.answers import Clustered, Found, Kept, Left, Placed
from workbench.asked import Item
from workbench.clusters import Method, cluster
from workbench.comparison import compare
from workbench.learning import NotInstalledError
from workbench.library import Kind, LibraryError, Shelf
from workbench.maps import Projection, mapped, reduced
from workbench.projector import packed
from workbench.sealing import SealError
from workbench.search import search, search_kept
from workbench.shelving import model_of, shelved


@dataclass(frozen=True, slots=True)
class Keep:
    """Embed recordings, and keep the embeddings."""

    settings: Settings
    kind: Kind

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        shelf, left = embedded(self.settings, models, items, self.kind)
        with _kept(self.settings) as store:
            if len(shelf):
                store.library.add(shelf, time.time())
        return msgspec.json.encode(Kept(self.kind, shelf.model, [item.source for item in shelf.items], left))


@dataclass(frozen=True, slots=True)
class Search:
    """What is kept and most like a recording? `source`: the name of one that is kept itself; None: the one that is
    sent."""

    settings: Settings
    kind: Kind
    count: int
    source: str | None = None

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        if self.source is not None:
            with _kept(self.settings) as store:
                among = store.library.shelf(self.kind, model_of(models, self.kind))
                found = search_kept(among, self.source, self.count)
            return msgspec.json.encode(Found(self.kind, among.model, len(among), found))
        shelf, left = embedded(self.settings, models, items[:1], self.kind)
        if left:
            reason, remedy = left[0].failure.reason, left[0].failure.remedy
            raise TaskError("recording.unusable", f"{reason.text} {remedy.text}", reason)
        with _kept(self.settings) as store:
            among = store.library.shelf(self.kind, shelf.model)
            hits = search(among, shelf.vectors[0], self.count, {items[0].name})
        return msgspec.json.encode(Found(self.kind, shelf.model, len(among), hits))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which of what is kept are alike? `sources`: of these recordings only."""

    settings: Settings
    kind: Kind
    method: Method
    count: int | None
    projection: Projection | None = None
    sources: Collection[str] | None = None

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        with _kept(self.settings) as store:
            shelf = self.shelf(store, models)
            told = cluster(shelf, self.method, self.count)
            points = None if self.projection is None else mapped(shelf, self.projection)
        placed = [
            Placed(
                item.source,
                item.start_s,
                item.end_s,
                told.labels[place],
                None if points is None else points[place].x,
                None if points is None else points[place].y,
                item.label,
            )
            for place, item in enumerate(shelf.items)
        ]
        return msgspec.json.encode(Clustered(told, placed))

    def shelf(self, store: Store, models: Models) -> Shelf:
        """What is grouped. Raises LibraryError."""
        shelf = store.library.shelf(self.kind, model_of(models, self.kind))
        return shelf if self.sources is None else _part(shelf, self.sources)


@dataclass(frozen=True, slots=True)
class Export:
    """Groups and embeddings for other tools, as a ZIP archive. `dimensions`: reduced by PCA to so many at most."""

    groups: Cluster
    dimensions: int | None

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        with _kept(self.groups.settings) as store:
            shelf = self.groups.shelf(store, models)
            told = cluster(shelf, self.groups.method, self.groups.count)
            return packed(shelf if self.dimensions is None else reduced(shelf, most=self.dimensions)[0], told.labels)


@dataclass(frozen=True, slots=True)
class Compare:
    """How like a reference set is a group, both of what is kept?"""

    settings: Settings
    kind: Kind
    group: Collection[str]
    reference: Collection[str]

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        with _kept(self.settings) as store:
            shelf = store.library.shelf(self.kind, model_of(models, self.kind))
            return msgspec.json.encode(compare(_part(shelf, self.group), _part(shelf, self.reference)))


def embedded(settings: Settings, models: Models, items: Sequence[Item], kind: Kind) -> tuple[Shelf, list[Left]]:
    """The embeddings of recordings, in their order, and the recordings that have none."""
    left: list[Left] = []
    return shelved(items, models, kind, settings.vad, left.append), left


def _part(shelf: Shelf, sources: Collection[str]) -> Shelf:
    """Of some recordings. Raises LibraryError for one that is not kept."""
    if missing := set(sources) - {item.source for item in shelf.items}:
        raise LibraryError(f"{min(missing)} is not kept; POST it to /v1/library first")
    places = [place for place, item in enumerate(shelf.items) if item.source in sources]
    return replace(shelf, items=[shelf.items[place] for place in places], vectors=shelf.vectors[places])


@contextmanager
def _kept(settings: Settings) -> Iterator[Store]:
    """What is kept; what the workbench raises about it, as what REST answers."""
    try:
        with open_store(settings) as store:
            yield store
    except NotInstalledError as error:
        raise TaskError("library.unavailable", str(error)) from None
    except LibraryError as error:
        raise TaskError("library.refused", str(error)) from None
    except (DatabaseError, SealError) as error:
        raise TaskError("history.unavailable", str(error)) from None
