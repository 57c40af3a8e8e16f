"""The database is there, of the newest schema, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from history.database import Database, DatabaseError
from history.schema import alert_rules, metadata


def test_the_migrations_give_the_schema_that_is_declared(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.sqlite3"
    for _ in range(2):
        database = Database(url)
        with database.writing() as connection:
            if not connection.execute(select(alert_rules)).all():
                connection.execute(insert(alert_rules).values(name="anger", rule={"above": 0.7}, changed_at=1.0))
        database.close()
    database = Database(url)
    with database.reading() as connection:
        assert [row.rule for row in connection.execute(select(alert_rules))] == [{"above": 0.7}]
    database.close()


def test_what_failed_halfway_is_taken_back() -> None:
    database = Database("")
    rule = {"name": "anger", "rule": {}, "changed_at": 1.0}
    with pytest.raises(IntegrityError), database.writing() as connection:  # noqa: PT012
        connection.execute(insert(alert_rules), rule)
        connection.execute(insert(alert_rules), rule)
    with database.reading() as connection:
        assert connection.execute(select(alert_rules)).all() == []
    database.close()


def test_what_it_cannot_do_is_said_with_its_name(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    with pytest.raises(DatabaseError, match=r"history.url sqlite:.*kept.sqlite3: no such table: nowhere"):  # noqa: SIM117
        with database.told(), database.reading() as connection:
            connection.execute(text("SELECT 1 FROM nowhere"))
    database.close()


def test_erasing_empties_the_log_only_once_nobody_reads_and_harms_nobody_who_does(tmp_path: Path) -> None:
    database, other = (Database(f"sqlite:///{tmp_path}/kept.sqlite3") for _ in range(2))
    log = tmp_path / "kept.sqlite3-wal"
    with database.erasing() as connection:
        connection.execute(insert(alert_rules).values(name="anger", rule={}, changed_at=1.0))
    assert log.stat().st_size == 0
    with other.reading() as reading:
        rows = reading.execute(text("SELECT name FROM alert_rules"))
        with database.erasing() as connection:
            connection.execute(text("DELETE FROM alert_rules"))
        assert log.stat().st_size > 0
        assert [row.name for row in rows] == ["anger"]
    with database.erasing() as connection:
        connection.execute(text("DELETE FROM alert_rules"))
    assert log.stat().st_size == 0
    for each in (database, other):
        each.close()


def test_a_database_without_a_name_is_gone_when_it_is_closed() -> None:
    database = Database("")
    file = Path(database.url.database or "")
    assert file.is_file()
    database.close()
    assert not file.exists()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.sqlite3"
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseError, match="newer"):
        Database(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("kept", "is no address of a database such as sqlite:///FILE"),
        ("mysql://localhost/kept", "'mysql' is not known; expected sqlite:///FILE or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:////nowhere/at/all/kept.sqlite3", "unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_to(url: str, problem: str) -> None:
    with pytest.raises(DatabaseError, match=problem):
        Database(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(DatabaseError) as refused:
        Database("postgresql://undertone:secret@127.0.0.1:1/kept")
    assert "secret" not in str(refused.value)
