"""What `undertone search`, `cluster`, `compare` and `library` do; each answers with the exit status."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream_server.jobs.voicestore import check_speaker, open_store, tell
from stream_server.live.crews import load_models
from stream_server.settings import Settings
from workbench.answers import Left
from workbench.clusters import Method, cluster
from workbench.comparison import compare
from workbench.library import Item, Kind, LibraryError, Shelf, check
from workbench.maps import Projection, mapped, reduced
from workbench.projector import export
from workbench.recordings import find
from workbench.runs import is_named, is_run, read_run, vector_in
from workbench.search import search, search_kept
from workbench.shelving import shelved


def _search(options: Namespace, settings: Settings) -> int:
    kind = Kind(options.kind)
    if (options.query is None) == (options.source is None):
        raise LibraryError("name one recording, or with --source one whose embedding is kept")
    if options.source is not None:
        hits = search_kept(_shelf([], kind, settings), options.source, options.count)
    else:
        model, query = _query(options.query, kind, settings)
        shelf = _shelf(options.among, kind, settings, options.keep, model)
        hits = search(shelf, query, options.count, {str(options.query)})
    for hit in hits:
        if options.json:
            print(msgspec.json.encode(hit).decode())
        else:
            word = f"{hit.sentence.text:13}  " if kind is Kind.EMOTION else ""
            print(f"{hit.cosine:6.3f}  {word}{Item(hit.source, hit.start_s, hit.end_s).shown}")
    return 0


def _cluster(options: Namespace, settings: Settings) -> int:
    shelf = _shelf(options.among, Kind(options.kind), settings, options.keep)
    told = cluster(shelf, Method(options.method), options.count)
    points = mapped(shelf, Projection(options.map)) if options.map else None
    if options.export is not None:
        written = shelf if options.dimensions is None else reduced(shelf, most=options.dimensions)[0]
        export(written, options.export, told.labels)
    if options.json:
        items = [
            {"source": item.source, "start_s": item.start_s, "end_s": item.end_s, "group": label}
            | ({} if points is None else {"x": points[place].x, "y": points[place].y})
            for place, (item, label) in enumerate(zip(shelf.items, told.labels, strict=True))
        ]
        print(msgspec.json.encode({**msgspec.to_builtins(told), "items": items}).decode())
        return 0
    print(told.sentence.text)
    if told.alone:
        print(f"{told.alone} recordings belong to none of them")
    for group in told.clusters:
        print(f"group {group.number}: {group.size} recordings, such as {', '.join(group.typical)}")
        for place in np.flatnonzero(np.array(told.labels) == group.number).tolist():
            at = "" if points is None else f"  ({points[place].x:+.3f}, {points[place].y:+.3f})"
            print(f"  {shelf.items[place].shown}{at}")
    return 0


def _compare(options: Namespace, settings: Settings) -> int:
    kind = Kind(options.kind)
    reference = _shelf(options.reference, kind, settings)
    told = compare(_shelf(options.group, kind, settings), reference)
    if options.json:
        print(msgspec.json.encode(told).decode())
        return 0
    print(told.sentence.text)
    for each in told.recordings:
        below = f"{each.reference_below:.0%} of the reference are less like it"
        print(f"{each.cosine:6.3f}  {each.verdict:18}  {each.source}  ({below})")
    for difference in told.differences:
        print(f"  {difference.sentence.text} ({difference.effect:+.1f} standard deviations)")
    return 0


def _library(options: Namespace, settings: Settings) -> int:
    kind = Kind(options.kind)
    with open_store(settings) as store:
        if options.forget_all:
            print(f"{store.library.delete_all(kind)} embeddings deleted")
        elif options.forget:
            print(f"{store.library.delete(options.forget)} embeddings deleted")
        else:
            counts = store.library.models(kind)
            for model, sources in store.library.sources(kind).items():
                print(f"{counts[model]} embeddings by {model}")
                for source in sources:
                    print(f"  {source}")
    return 0


COMMANDS: Mapping[str, Callable[[Namespace, Settings], int]] = {
    "search": _search,
    "cluster": _cluster,
    "compare": _compare,
    "library": _library,
}


def _query(path: Path, kind: Kind, settings: Settings) -> tuple[str | None, NDArray[np.float32]]:
    """What is searched for, and by which model it is embedded, where that is known."""
    if path.suffix == ".npy":
        return None, vector_in(path)
    if path.is_dir():
        shelf = read_run(path, kind)
        return shelf.model if is_named(shelf.model) else None, np.asarray(shelf.vectors.mean(axis=0), np.float32)
    shelf = _heard([path], kind, settings)
    return shelf.model, shelf.vectors[0]


def _shelf(
    paths: Sequence[Path], kind: Kind, settings: Settings, keep: bool = False, model: str | None = None
) -> Shelf:
    """The embeddings of what is named, or of what is kept; `keep`: of what is named keep them. Raises LibraryError if
    there are none, or they are of several models and none is asked for."""
    if not paths:
        with open_store(settings) as store:
            models = store.library.models(kind)
            if model is None and len(models) == 1:
                model = next(iter(models))
            if model is None or model not in models:
                wanted = "which?" if model is None else f"nothing is kept by {model};"
                raise LibraryError(f"{wanted} there are embeddings of kind {kind} by {', '.join(models) or 'no model'}")
            return store.library.shelf(kind, model)
    runs = [path for path in paths if path.is_dir() and is_run(path)]
    shelves = [read_run(path, kind) for path in runs]
    if heard := [path for path in paths if path not in runs]:
        shelves.append(_heard(heard, kind, settings))
    shelf = joined(shelves)
    if model is not None and shelf.model != model and is_named(shelf.model):
        raise LibraryError(f"what is searched for is embedded by {model}, and what is searched by {shelf.model}")
    check(shelf)
    if keep:
        with open_store(settings) as store:
            store.library.add(shelf, time.time())
    return shelf


def _heard(paths: Sequence[Path], kind: Kind, settings: Settings) -> Shelf:
    """Recordings, embedded by the model of that kind; of those that cannot be used a line on standard error says why.
    Raises LibraryError if that is all of them."""
    wanted = settings.models
    if kind is Kind.SPEAKER:
        check_speaker(settings)
    one = replace(wanted, emotion="none") if kind is Kind.SPEAKER else replace(wanted, speaker="none")
    shelf = shelved(find(paths), load_models(replace(settings, models=one)), kind, settings.vad, _tell)
    if not len(shelf):
        raise LibraryError("there is no recording with a voice")
    return shelf


def _tell(left: Left) -> None:
    tell(left.file, f"failed: {left.failure.reason.text} {left.failure.remedy.text}")


def joined(shelves: Sequence[Shelf]) -> Shelf:
    """One shelf. Raises LibraryError if they are of several models."""
    if len(models := {shelf.model for shelf in shelves}) > 1:
        raise LibraryError(f"embeddings of several models cannot be compared: {', '.join(sorted(models))}")
    items = [item for shelf in shelves for item in shelf.items]
    return Shelf(shelves[0].kind, shelves[0].model, items, np.concatenate([shelf.vectors for shelf in shelves]))
