"""Embeddings of recordings, kept and found again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from history.database import Database
from workbench.library import Item, Kind, Library, LibraryError, Shelf
from workbench.sealing import Seal, SealError, new_key

NOW = 1_800_000_000.0
Array = NDArray[np.float32]


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database("")
    yield opened
    opened.close()


def vectors(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((count, 16)).astype(np.float32)


def shelf(*sources: str, seed: int = 0, kind: Kind = Kind.SPEAKER) -> Shelf:
    return Shelf(kind, "model", [Item(source) for source in sources], vectors(len(sources), seed))


def test_what_was_added_is_there_by_kind_and_model(database: Database) -> None:
    library = Library(database, Seal())
    items = [Item("a.wav", 0.0, 2.5, {"scores": {"angry": 0.7}}), Item("a.wav", 2.5, 4.0)]
    library.add(Shelf(Kind.EMOTION, "model", items, vectors(2)), NOW)
    library.add(shelf("b.wav"), NOW)
    found = library.shelf(Kind.EMOTION, "model")
    assert found.items == items
    assert found.vectors == pytest.approx(vectors(2))
    assert library.models(Kind.SPEAKER) == {"model": 1}
    assert len(library.shelf(Kind.SPEAKER, "another")) == 0


def test_a_recording_that_is_added_again_is_replaced(database: Database) -> None:
    library = Library(database, Seal())
    library.add(shelf("a.wav", "b.wav"), NOW)
    library.add(shelf("b.wav", seed=1), NOW)
    found = library.shelf(Kind.SPEAKER, "model")
    assert [item.source for item in found.items] == ["a.wav", "b.wav"]
    assert found.vectors[1] == pytest.approx(vectors(1, 1)[0])


def test_recordings_can_be_taken_out(database: Database) -> None:
    library = Library(database, Seal())
    library.add(shelf("a.wav", "b.wav", "c.wav"), NOW)
    library.add(shelf("a.wav", kind=Kind.EMOTION), NOW)
    assert library.delete(["a.wav", "nothing.wav"]) == 2
    assert library.delete_all(Kind.SPEAKER) == 2


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_vector_that_is_none_is_refused_with_its_recording(database: Database, value: float) -> None:
    bad = shelf("a.wav", "b.wav")
    bad.vectors[1] = value
    with pytest.raises(LibraryError, match=r"b.wav: its embedding is all zero, or not finite"):
        Library(database, Seal()).add(bad, NOW)


def test_they_are_encrypted_with_the_key_and_change_keys(database: Database) -> None:
    old, new = Seal(new_key()), Seal(new_key())
    library = Library(database, old)
    library.add(shelf("a.wav"), NOW)
    with pytest.raises(SealError, match=r"the embedding of a.wav cannot be read"):
        Library(database, new).shelf(Kind.SPEAKER, "model")
    with database.writing() as connection:
        assert library.reseal(new, connection) == 1
    assert Library(database, new).shelf(Kind.SPEAKER, "model").vectors == pytest.approx(vectors(1))
