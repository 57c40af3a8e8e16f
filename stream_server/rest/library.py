"""REST of what lies between recordings: keep embeddings, search, group and compare them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request, Response

from stream_server.bodies import answers, asks, has_body, json, read_json
from stream_server.faults import Refusal
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.librarytasks import Cluster, Compare, Export, Keep, Search
from stream_server.jobs.uploads import OPENAPI
from stream_server.jobs.voicestore import Store
from stream_server.live.engine import Engine
from stream_server.rest.jobs import NO_STORE
from stream_server.rest.voices import answered, kept_in, stored
from workbench.answers import Clustered, Found, Kept, Shelves
from workbench.clusters import Method
from workbench.comparison import Comparison
from workbench.library import Kind
from workbench.maps import Projection

MOST_NAMED = 10_000
MOST_BODY_BYTES = 4 << 20
"""So many names, the longest of them."""
ZIP = "application/zip"
Names = Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_NAMED)]
Of = Annotated[Kind, Query(description="embeddings of what: emotion or speaker")]


class Sets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Recordings that are kept, by name: a `group`, and the `reference` that it is compared with."""

    group: Names
    reference: Names
    kind: Kind = Kind.SPEAKER


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what is kept these recordings only, by name."""

    sources: Names


SHAPES = (Kept, Found, Clustered, Comparison, Shelves, Sets, Chosen)


def add_library(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    _add_keeping(app, engine, jobs)
    _add_asking(app, engine, jobs)


def _add_keeping(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    @app.post("/v1/library", tags=["library"], responses=answers(Kept), openapi_extra=OPENAPI)
    async def keep(request: Request, kind: Of = Kind.SPEAKER) -> Response:
        """Embed recordings and keep the embeddings, not the recordings, to be searched, grouped and compared."""
        return await answered(request, engine, jobs, Keep(engine.settings, check(engine, kind)))

    @app.get("/v1/library", tags=["library"], responses=answers(Shelves))
    async def show(kind: Of = Kind.SPEAKER) -> Response:
        """The recordings whose embeddings are kept, by the model that made them."""
        named = await stored(engine, lambda store: store.library.sources(known(kind)))
        return json(Shelves(kind, named), headers=NO_STORE)

    @app.delete("/v1/library", tags=["library"], status_code=204)
    async def forget(
        kind: Of = Kind.SPEAKER,
        source: Annotated[str | None, Query(description="only what is kept of this recording, of both kinds")] = None,
    ) -> Response:
        """Forget embeddings: those of a recording, or all of a kind."""

        def forgotten(store: Store) -> int:
            return store.library.delete_all(known(kind)) if source is None else store.library.delete([source])

        await stored(engine, forgotten)
        return Response(status_code=204)


def _add_asking(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    @app.post("/v1/search", tags=["library"], responses=answers(Found), openapi_extra=OPENAPI)
    async def search(
        request: Request,
        kind: Of = Kind.SPEAKER,
        count: Annotated[int, Query(ge=1, le=1000)] = 10,
        source: Annotated[str | None, Query(description="one that is kept itself: none is sent then")] = None,
    ) -> Response:
        """What is kept and most like a recording."""
        task = Search(engine.settings, check(engine, kind), count, source)
        return await answered(request, engine, jobs, task, uploaded=source is None)

    @app.post("/v1/cluster", tags=["library"], responses=answers(Clustered), openapi_extra=asks(Chosen, required=False))
    async def cluster(
        request: Request,
        kind: Of = Kind.SPEAKER,
        method: Method = Method.KMEANS,
        count: Annotated[int | None, Query(ge=2, le=100, description="groups of k-means; left out: found")] = None,
        projection: Annotated[Projection | None, Query(alias="map", description="places on a map, too")] = None,
        export: Annotated[bool, Query(description="a ZIP archive for other tools instead")] = False,
        dimensions: Annotated[int | None, Query(ge=1, le=1024, description="of what is exported, by PCA")] = None,
    ) -> Response:
        """Groups of what is kept; with a body, of the recordings that it names only."""
        sources = frozenset((await read_json(request, Chosen, MOST_BODY_BYTES)).sources) if has_body(request) else None
        task = Cluster(engine.settings, check(engine, kind), method, count, projection, sources)
        if export:
            return await answered(request, engine, jobs, Export(task, dimensions), uploaded=False, media_type=ZIP)
        return await answered(request, engine, jobs, task, uploaded=False)

    @app.post("/v1/compare", tags=["library"], responses=answers(Comparison), openapi_extra=asks(Sets))
    async def compare(request: Request) -> Response:
        """A group of recordings against a reference set, both kept: how like it, and in what it differs."""
        sets = await read_json(request, Sets, MOST_BODY_BYTES)
        task = Compare(engine.settings, check(engine, sets.kind), frozenset(sets.group), frozenset(sets.reference))
        return await answered(request, engine, jobs, task, uploaded=False)


def known(kind: Kind) -> Kind:
    """Raises Refusal for a kind that nobody asks about."""
    if kind is Kind.COHORT:
        raise Refusal("request.invalid", "kind must be emotion or speaker")
    return kind


def check(engine: Engine, kind: Kind) -> Kind:
    """Raises Refusal if embeddings of a kind cannot be made or kept here."""
    kept_in(engine)
    if (engine.specs.speaker if known(kind) is Kind.SPEAKER else engine.specs.emotion) is None:
        raise Refusal("jobs.unavailable", f"this server has no model for embeddings of kind {kind.value}")
    return kind
