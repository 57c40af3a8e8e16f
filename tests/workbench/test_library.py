"""Embeddings of recordings, kept and found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from history.database import Database
from tests.history.conftest import database, database_url, postgres_url
from workbench.library import Item, Kind, Library, LibraryError, Shelf
from workbench.sealing import Seal, SealError, new_key

__all__ = ["database", "database_url", "postgres_url"]

NOW = 1_800_000_000.0
Array = NDArray[np.float32]


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


def test_nothing_of_what_is_forgotten_or_replaced_is_left_in_any_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    library = Library(database, Seal())
    for seed, gone in enumerate((lambda: library.delete(["a.wav"]), lambda: library.add(shelf("a.wav", seed=9), NOW))):
        library.add(shelf("a.wav", "b.wav", seed=seed), NOW)
        gone()
        trace = vectors(2, seed)[0].tobytes()[:32]
        assert trace not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    database.close()


def test_recordings_are_named_once_by_model_however_many_parts_are_kept(database: Database) -> None:
    library = Library(database, Seal())
    library.add(shelf("b.wav", "a.wav", "b.wav"), NOW)
    library.add(shelf("c.wav", kind=Kind.EMOTION), NOW)
    assert library.sources(Kind.SPEAKER) == {"model": ["b.wav", "a.wav"]}
    many = [f"{number:05}.wav" for number in range(2500)]
    library.add(shelf(*many), NOW)
    assert [item.source for item in library.shelf(Kind.SPEAKER, "model").items] == ["b.wav", "a.wav", "b.wav", *many]


def test_embeddings_of_two_sizes_under_one_name_are_said_to_be(database: Database) -> None:
    library = Library(database, Seal())
    library.add(shelf("a.wav"), NOW)
    library.add(Shelf(Kind.SPEAKER, "model", [Item("b.wav")], np.ones((1, 8), np.float32)), NOW)
    with pytest.raises(LibraryError, match="of several sizes"):
        library.shelf(Kind.SPEAKER, "model")


def test_an_encrypted_embedding_cannot_be_passed_off_for_that_of_another_recording(database: Database) -> None:
    library = Library(database, Seal(new_key()))
    library.add(shelf("a.wav", "b.wav"), NOW)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE embeddings SET source = 'c.wav' WHERE source = 'b.wav'")
    with pytest.raises(SealError, match=r"the embedding of c.wav cannot be read: .* belongs elsewhere"):
        library.shelf(Kind.SPEAKER, "model")


def test_recordings_can_be_taken_out(database: Database) -> None:
    library = Library(database, Seal())
    library.add(shelf("a.wav", "b.wav", "c.wav"), NOW)
    library.add(shelf("a.wav", kind=Kind.EMOTION), NOW)
    library.add(shelf("cohort", kind=Kind.COHORT), NOW)
    assert library.delete(["a.wav", "nothing.wav", "cohort"]) == 2
    assert library.models(Kind.COHORT) == {"model": 1}
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
    assert Library(database, new).sources(Kind.SPEAKER) == {"model": ["a.wav"]}, "names can be read without the key"
    with database.erasing() as connection:
        assert library.reseal(new, connection) == 1
    assert Library(database, new).shelf(Kind.SPEAKER, "model").vectors == pytest.approx(vectors(1))
