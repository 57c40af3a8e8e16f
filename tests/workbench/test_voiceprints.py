"""Who is known, until when, and that nothing is left of whoever is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from history.database import Database
from tests.history.conftest import database, database_url, postgres_url
from tests.workbench.scripted import SPEC, spoken
from workbench.enrolment import Portrait, portray
from workbench.exchange import exported, read, take_in
from workbench.sealing import Seal, SealError, new_key
from workbench.voiceprints import Consent, VoiceprintError, Voiceprints

__all__ = ["database", "database_url", "postgres_url"]

NOW, DAY = 1_800_000_000.0, 86_400.0
CONSENT = Consent("to be greeted by name", NOW, NOW + 30 * DAY, "form 17")


def portrait(speaker: int) -> Portrait:
    return portray([spoken(speaker, seed) for seed in range(3)], SPEC)


@pytest.fixture
def voiceprints(database: Database) -> Voiceprints:
    return Voiceprints(database, Seal())


def names(voiceprints: Voiceprints, now: float = NOW) -> list[str]:
    return [each.name for each in voiceprints.known(now)]


def test_whoever_is_enrolled_is_known_with_the_consent(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    (kept,) = voiceprints.known(NOW)
    assert (kept.name, kept.model, kept.recordings, kept.consent) == ("Ann", "model", 3, CONSENT)
    (person,) = voiceprints.people(NOW, "model")
    assert person.vector == pytest.approx(portrait(1).vector)
    assert voiceprints.people(NOW, "another model") == []


def test_nobody_is_used_or_kept_beyond_their_consent(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    voiceprints.enrol("Bob", portrait(2), msgspec.structs.replace(CONSENT, expires_at=NOW + 90 * DAY), NOW)
    later = NOW + 30 * DAY
    assert names(voiceprints, later - 1) == ["Ann", "Bob"]
    assert names(voiceprints, later) == ["Bob"]
    assert [person.name for person in voiceprints.people(later, "model")] == ["Bob"]
    assert voiceprints.sweep(later) == ["Ann"]
    assert voiceprints.sweep(later) == []
    assert names(voiceprints, NOW) == ["Bob"]


@pytest.mark.parametrize(
    ("consent", "problem"),
    [
        (Consent(" ", NOW, NOW + DAY), "needs consent to a purpose"),
        (Consent("greeting", NOW - DAY, NOW), "expired already"),
        (Consent("greeting", NOW, NOW + 1e12), "100 years"),
        (Consent("greeting", NOW, float("nan")), "100 years"),
        (Consent("greeting", NOW + 2 * DAY, NOW + DAY), "given before it ends"),
        (Consent("x" * 501, NOW, NOW + DAY), "500 characters"),
    ],
)
def test_without_consent_nothing_is_kept(voiceprints: Voiceprints, consent: Consent, problem: str) -> None:
    with pytest.raises(VoiceprintError, match=problem):
        voiceprints.enrol("Ann", portrait(1), consent, NOW)
    assert names(voiceprints) == []


@pytest.mark.parametrize("name", ["", " Ann", "Ann\n", "x" * 129, ".", "..", "\u202eAnn"])
def test_what_is_no_name_is_refused(voiceprints: Voiceprints, name: str) -> None:
    with pytest.raises(VoiceprintError, match="is no name"):
        voiceprints.enrol(name, portrait(1), CONSENT, NOW)


def test_a_name_is_taken_once_unless_it_is_replaced(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    with pytest.raises(VoiceprintError, match="of Ann already"):
        voiceprints.enrol("Ann", portrait(2), CONSENT, NOW)
    voiceprints.enrol("Ann", portrait(2), CONSENT, NOW, replace=True)
    (person,) = voiceprints.people(NOW, "model")
    assert person.vector == pytest.approx(portrait(2).vector)


def test_names_change_and_people_go(voiceprints: Voiceprints) -> None:
    for name, speaker in (("Ann", 1), ("Bob", 2), ("Cat", 3)):
        voiceprints.enrol(name, portrait(speaker), CONSENT, NOW)
    before = voiceprints.state()
    assert voiceprints.rename("Ann", "Anna", NOW + 1) == 1
    assert voiceprints.state() != before
    with pytest.raises(VoiceprintError, match="of Bob already"):
        voiceprints.rename("Anna", "Bob", NOW)
    assert voiceprints.delete("Bob") == 1
    assert names(voiceprints) == ["Anna", "Cat"]
    for missing in (lambda: voiceprints.delete("Bob"), lambda: voiceprints.rename("Bob", "Rob", NOW)):
        with pytest.raises(VoiceprintError, match="no voiceprint of Bob"):
            missing()
    assert voiceprints.delete_all() == 2
    assert names(voiceprints) == []


GOING: dict[str, Callable[[Voiceprints, Database], object]] = {
    "deleted": lambda voiceprints, _: voiceprints.delete("Ann"),
    "with all others": lambda voiceprints, _: voiceprints.delete_all(),
    "expired": lambda voiceprints, _: voiceprints.sweep(NOW + 30 * DAY),
    "replaced": lambda voiceprints, _: voiceprints.enrol("Ann", portrait(2), CONSENT, NOW, replace=True),
    "encrypted": lambda voiceprints, database: encrypted(voiceprints, database),
}


def encrypted(voiceprints: Voiceprints, database: Database) -> None:
    with database.erasing() as connection:
        voiceprints.reseal(Seal(new_key()), connection)


@pytest.mark.parametrize("gone", GOING)
def test_nothing_of_a_vector_that_has_gone_is_left_in_any_file_while_servers_go_on(tmp_path: Path, gone: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    server = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    voiceprints = Voiceprints(database, Seal())
    for name, speaker in (("Bob", 3), ("Ann", 1), ("Cat", 4)):
        voiceprints.enrol(name, portrait(speaker), CONSENT, NOW)
    assert len(Voiceprints(server, Seal()).known(NOW)) == 3

    def left() -> bool:
        trace = portrait(1).vector.tobytes()[:32]
        return trace in b"".join(each.read_bytes() for each in tmp_path.iterdir())

    assert left()
    GOING[gone](voiceprints, database)
    assert not left()
    for each in (database, server):
        each.close()


def test_two_who_enrol_or_rename_at_once_do_not_get_the_same_name(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(2)]
    one, other = (Voiceprints(database, Seal()) for database in databases)
    start = threading.Barrier(2)

    def enrol(voiceprints: Voiceprints, name: str) -> str:
        start.wait(10)
        try:
            voiceprints.enrol(name, portrait(1), CONSENT, NOW)
            voiceprints.rename(name, "Cat", NOW)
        except VoiceprintError as error:
            return error.sentence.key
        return "kept"

    with ThreadPoolExecutor(2) as threads:
        for names_of in (("Ann", "Ann"), ("Ann", "Bob")):
            done = list(threads.map(enrol, (one, other), names_of))
            assert sorted(done) == ["kept", "refused.taken"]
            assert names(one).count("Cat") == 1
            one.delete_all()
    for each in databases:
        each.close()


def test_a_name_is_the_same_however_its_accents_are_encoded(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Zoe\u0308", portrait(1), CONSENT, NOW)
    with pytest.raises(VoiceprintError, match="already"):
        voiceprints.enrol("Zo\u00eb", portrait(2), CONSENT, NOW)
    assert [each.name for each in voiceprints.called("Zo\u00eb")] == ["Zo\u00eb"]
    assert voiceprints.rename("Zoe\u0308", "Zo\u00eb/2", NOW) == 1
    assert voiceprints.delete("Zoe\u0308/2") == 1


def test_what_a_machine_with_a_slow_clock_changes_is_noticed(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    voiceprints.enrol("Bob", portrait(2), CONSENT, NOW + 60)
    before = voiceprints.state()
    voiceprints.rename("Ann", "Anna", NOW + 30)
    assert voiceprints.state() != before


def test_with_a_key_no_vector_stands_in_the_file_and_only_that_key_reads_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    key = new_key()
    assert Voiceprints(database, Seal(key)).enrol("Ann", portrait(1), CONSENT, NOW).encrypted
    (person,) = Voiceprints(database, Seal(key)).people(NOW, "model")
    assert person.vector == pytest.approx(portrait(1).vector)
    for wrong in ("", new_key()):
        with pytest.raises(SealError, match="the voiceprint of 'Ann' cannot be read: it is encrypted with the key"):
            Voiceprints(database, Seal(wrong)).people(NOW, "model")
    database.close()
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert portrait(1).vector.tobytes()[:32] not in kept


def test_all_can_be_encrypted_with_another_key_or_not_at_all(database: Database) -> None:
    old, new = Seal(new_key()), Seal(new_key())
    voiceprints = Voiceprints(database, old)
    for name, speaker in (("Ann", 1), ("Bob", 2)):
        voiceprints.enrol(name, portrait(speaker), CONSENT, NOW)
    for seal in (new, Seal()):
        with database.erasing() as connection:
            assert voiceprints.reseal(seal, connection) == 2
        voiceprints = Voiceprints(database, seal)
        assert [person.name for person in voiceprints.people(NOW, "model")] == ["Ann", "Bob"]


def test_a_change_of_keys_goes_on_where_a_server_had_the_new_one_already(database: Database) -> None:
    old, new = Seal(new_key()), Seal(new_key())
    Voiceprints(database, old).enrol("Ann", portrait(1), CONSENT, NOW)
    Voiceprints(database, new).enrol("Bob", portrait(2), CONSENT, NOW)
    with database.erasing() as connection:
        assert Voiceprints(database, old).reseal(new, connection) == 1
    assert [person.name for person in Voiceprints(database, new).people(NOW, "model")] == ["Ann", "Bob"]


def test_a_document_brings_everyone_to_another_database(voiceprints: Voiceprints, tmp_path: Path) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    voiceprints.enrol("Bob", portrait(2), msgspec.structs.replace(CONSENT, expires_at=NOW + DAY), NOW)
    document = read(msgspec.json.encode(exported(voiceprints, SPEC, NOW, Seal())), SPEC, Seal())
    other = Database(f"sqlite:///{tmp_path}/other.sqlite3")
    there = Voiceprints(other, Seal(new_key()))
    done = take_in(there, document, NOW + 2 * DAY)
    assert done.added == ("Ann",)
    assert done.left_out["Bob"].key == "refused.expired"
    (person,) = there.people(NOW, "model")
    assert person.vector == pytest.approx(portrait(1).vector)
    assert there.known(NOW)[0].consent == CONSENT
    assert (
        take_in(there, document, NOW).left_out["Ann"].text
        == "There is a voiceprint of Ann already; delete or replace it."
    )
    other.close()


def test_documents_of_other_models_and_broken_ones_are_refused(voiceprints: Voiceprints) -> None:
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    document = exported(voiceprints, SPEC, NOW, Seal())
    (ann,) = document.voiceprints

    def changed(**fields: object) -> bytes:
        return msgspec.json.encode(msgspec.structs.replace(document, **fields))

    def with_entry(**fields: object) -> bytes:
        return changed(voiceprints=[msgspec.structs.replace(ann, **fields)])

    broken = {
        b"{": "not a document of voiceprints",
        b"\xff{}": "not a document of voiceprints",
        changed(format="other"): "not a document of voiceprints",
        changed(model="another"): "of the model another, and model is in use",
        with_entry(vector=[1.0, 2.0]): "not 48 numbers",
        with_entry(vector=[0.0] * 48): "not all zero",
        with_entry(vector=[1e300] * 48): "not 48 numbers",
        with_entry(vector=b"abc"): "Ann: the vector cannot be read: it is no vector",
        with_entry(vector=b"abcd"): "not 48 numbers",
        with_entry(windows=0.0): "not a document of voiceprints",
        with_entry(recordings=-1): "not a document of voiceprints",
        changed(
            sealed_by="0123456789abcdef", voiceprints=[msgspec.structs.replace(ann, vector=b"abcd")]
        ): "no key is set",
    }
    for data, problem in broken.items():
        with pytest.raises(VoiceprintError, match=problem):
            read(data, SPEC, Seal())
    assert read(msgspec.json.encode(document), SPEC, Seal()).voiceprints[0].name == "Ann"


def test_a_document_is_encrypted_with_the_key_and_opens_for_nobody_else(database: Database) -> None:
    seal = Seal(new_key())
    voiceprints = Voiceprints(database, seal)
    for name, speaker in (("Ann", 1), ("Bob", 2)):
        voiceprints.enrol(name, portrait(speaker), CONSENT, NOW)
    document = exported(voiceprints, SPEC, NOW, seal)
    assert all(isinstance(entry.vector, bytes) for entry in document.voiceprints)
    opened = read(msgspec.json.encode(document), SPEC, seal)
    assert opened.voiceprints[0].vector == pytest.approx(portrait(1).vector)
    for other in (Seal(), Seal(new_key())):
        with pytest.raises(VoiceprintError, match="Ann: the vector cannot be read: it is encrypted with the key"):
            read(msgspec.json.encode(document), SPEC, other)
    ann, bob = document.voiceprints
    swapped = [msgspec.structs.replace(ann, vector=bob.vector), msgspec.structs.replace(bob, vector=b"short")]
    for entry in swapped:
        with pytest.raises(VoiceprintError, match="belongs elsewhere"):
            read(msgspec.json.encode(msgspec.structs.replace(document, voiceprints=[entry])), SPEC, seal)
