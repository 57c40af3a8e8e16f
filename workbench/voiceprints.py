"""The voiceprints in the database: biometric data of people who have agreed to a purpose, until a date.

Whoever's consent has expired is not used any more, and is deleted by the next sweep. Time is an argument, in seconds
since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import normalize
from uuid import uuid4

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from history.database import Database
from history.schema import voiceprints as table
from monitor.gallery import Person
from workbench.enrolment import Portrait
from workbench.refusals import RefusalError
from workbench.sealing import Seal, SealError
from workbench.sentences import Sentence
from workbench.speakers import Vector

MOST_NAME, MOST_PURPOSE, MOST_NOTE = 128, 500, 1000
MOST_CONSENT_YEARS = 100
YEAR_S = 365.25 * 86_400


class Consent(msgspec.Struct, frozen=True):
    """That a person agreed to being recognised: to what `purpose`, when, until when; `note`: how that was recorded."""

    purpose: str
    given_at: float
    expires_at: float
    note: str = ""


class Voiceprint(msgspec.Struct, frozen=True):
    """Someone who is known to a model, without the vector itself. Times in seconds since 1970; `windows`: full windows'
    worth of speech; `encrypted`: whether the vector is."""

    id: str
    name: str
    model: str
    windows: float
    recordings: int
    speech_s: float
    problems: tuple[Sentence, ...]
    consent: Consent
    enrolled_at: float
    changed_at: float
    encrypted: bool


class VoiceprintError(RefusalError):
    """What was asked for cannot be done with the voiceprints."""


class UnknownVoiceError(VoiceprintError):
    """There is no voiceprint of that name."""


class Voiceprints:
    """People by name and model; two names are one if they differ in how their accents are encoded only. Use it from
    threads, never from the event loop: it waits for the disk."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def enrol(self, name: str, portrait: Portrait, consent: Consent, now: float, replace: bool = False) -> Voiceprint:
        """Keep a voiceprint. Raises VoiceprintError without consent, for a name that is none, or one that is taken
        unless it is to be replaced."""
        with self._database.erasing() as connection:
            return self._keep(connection, name, portrait, consent, now, replace)

    def enrol_all(
        self, portraits: Iterable[tuple[str, Portrait, Consent]], now: float, replace: bool = False
    ) -> tuple[tuple[str, ...], dict[str, Sentence]]:
        """Keep several voiceprints or, if the database fails, none of them: the names that are kept, and those that
        are not with the reason."""
        added: list[str] = []
        left_out: dict[str, Sentence] = {}
        with self._database.erasing() as connection:
            for name, portrait, consent in portraits:
                try:
                    self._keep(connection, name, portrait, consent, now, replace)
                except VoiceprintError as error:
                    left_out[name] = error.sentence
                else:
                    added.append(name)
        return tuple(added), left_out

    def known(self, now: float, model: str | None = None) -> list[Voiceprint]:
        """Everyone whose consent holds, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(*_valid(now, model)).order_by(table.c.name, table.c.model))
            return [_shown(row) for row in rows]

    def called(self, name: str) -> list[Voiceprint]:
        """Those of a name, by model."""
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(table.c.name == _normal(name)).order_by(table.c.model))
            return [_shown(row) for row in rows]

    def people(self, now: float, model: str) -> list[Person]:
        """The same as a gallery takes them. Raises SealError."""
        return [Person(each.name, vector, each.windows) for each, vector in self.with_vectors(now, model)]

    def with_vectors(self, now: float, model: str) -> list[tuple[Voiceprint, Vector]]:
        """Everyone who is known to a model, by name, with the vector. Raises SealError."""
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(*_valid(now, model)).order_by(table.c.name)).all()
        return [(_shown(row), self._vector(row)) for row in rows]

    def rename(self, name: str, new: str, now: float) -> int:
        """With every model; how many voiceprints that were. Raises VoiceprintError if there is none, or `new` is
        taken."""
        name, new = _normal(name), _checked(new)
        renamed = update(table).where(table.c.name == name).values(name=new, changed_at=now)
        try:
            with self._database.writing() as connection:
                if connection.execute(select(table.c.id).where(table.c.name == new)).first():
                    raise VoiceprintError("taken", name=new)
                return _some(connection.execute(renamed).rowcount, name)
        except IntegrityError:  # somebody has made one since
            raise VoiceprintError("taken", name=new) from None

    def delete(self, name: str) -> int:
        """With every model; how many voiceprints that were. Raises VoiceprintError if there is none."""
        name = _normal(name)
        with self._database.erasing() as connection:
            return _some(connection.execute(delete(table).where(table.c.name == name)).rowcount, name)

    def delete_all(self) -> int:
        with self._database.erasing() as connection:
            return connection.execute(delete(table)).rowcount

    def sweep(self, now: float) -> list[str]:
        """Delete those whose consent has expired; their names."""
        over = table.c.expires_at <= now
        with self._database.reading() as connection:
            expired = list(connection.execute(select(table.c.name).where(over)).scalars())
        if expired:
            with self._database.erasing() as connection:
                connection.execute(delete(table).where(over))
        return expired

    def state(self) -> tuple[int, float, float]:
        """Changes whenever the voiceprints do, also if the clocks of several machines that change them differ."""
        changed_at = func.max(table.c.changed_at), func.sum(table.c.changed_at)
        with self._database.reading() as connection:
            count, last, total = connection.execute(select(func.count(), *changed_at)).one()
        return count, last or 0.0, total or 0.0

    def reseal(self, seal: Seal, connection: Connection) -> int:
        """Encrypt all anew with another key, or with none, in the transaction of `connection`, one of `erasing`; how
        many. What that key has encrypted already is left alone. Raises SealError if one cannot be read."""
        rows = connection.execute(select(table).where(table.c.sealed_by.is_distinct_from(seal.name))).all()
        for row in rows:
            vector = self._vector(row)
            locked = {"vector": seal.lock(vector, _about(row.id, row.model)), "sealed_by": seal.name}
            connection.execute(update(table).where(table.c.id == row.id).values(**locked))
        return len(rows)

    def _keep(
        self, connection: Connection, name: str, portrait: Portrait, consent: Consent, now: float, replace: bool
    ) -> Voiceprint:
        """In the transaction of `connection`, one of `erasing`."""
        name = _checked(name)
        _check_consent(consent, now)
        if replace:
            connection.execute(delete(table).where(table.c.name == name, table.c.model == portrait.model))
        number = uuid4().hex
        insert = sqlite.insert(table) if self._database.is_sqlite else postgresql.insert(table)
        row = connection.execute(
            insert.on_conflict_do_nothing(index_elements=["name", "model"])
            .values(
                id=number,
                name=name,
                model=portrait.model,
                windows=portrait.windows,
                recordings=portrait.recordings,
                speech_s=portrait.speech_s,
                problems=msgspec.to_builtins(portrait.problems),
                consent=msgspec.to_builtins(consent),
                enrolled_at=now,
                changed_at=now,
                expires_at=consent.expires_at,
                **self._locked(number, portrait.model, portrait.vector),
            )
            .returning(table)
        ).first()
        if row is None:
            raise VoiceprintError("taken", name=name)
        return _shown(row)

    def _locked(self, number: str, model: str, vector: Vector) -> dict[str, Any]:
        return {"vector": self._seal.lock(vector, _about(number, model)), "sealed_by": self._seal.name}

    def _vector(self, row: Row[Any]) -> Vector:
        try:
            return self._seal.unlock(row.vector, row.sealed_by, _about(row.id, row.model))
        except SealError as error:
            raise SealError(f"the voiceprint of {row.name!r} cannot be read: {error}") from None


def _about(number: str, model: str) -> str:
    return f"voiceprint {number} {model}"


def _valid(now: float, model: str | None) -> Sequence[ColumnElement[bool]]:
    held = table.c.expires_at > now
    return (held,) if model is None else (held, table.c.model == model)


def _shown(row: Row[Any]) -> Voiceprint:
    return Voiceprint(
        id=row.id,
        name=row.name,
        model=row.model,
        windows=row.windows,
        recordings=row.recordings,
        speech_s=row.speech_s,
        problems=msgspec.convert(row.problems, tuple[Sentence, ...]),
        consent=msgspec.convert(row.consent, Consent),
        enrolled_at=row.enrolled_at,
        changed_at=row.changed_at,
        encrypted=row.sealed_by is not None,
    )


def _normal(name: str) -> str:
    return normalize("NFC", name)


def _checked(name: str) -> str:
    """The name as it is kept. One of dots alone could not stand in an address."""
    found = _normal(name)
    if found.strip(". ") == "" or found != found.strip() or len(found) > MOST_NAME or not found.isprintable():
        raise VoiceprintError("no_name", name=name[:MOST_NAME], most=MOST_NAME)
    return found


def _check_consent(consent: Consent, now: float) -> None:
    if not consent.purpose.strip():
        raise VoiceprintError("no_purpose")
    if len(consent.purpose) > MOST_PURPOSE or len(consent.note) > MOST_NOTE:
        raise VoiceprintError("long", most_purpose=MOST_PURPOSE, most_note=MOST_NOTE)
    if consent.expires_at <= now:
        raise VoiceprintError("expired")
    longest_s = MOST_CONSENT_YEARS * YEAR_S
    if not (consent.expires_at <= now + longest_s and 0 <= consent.given_at <= consent.expires_at):
        raise VoiceprintError("consent", years=MOST_CONSENT_YEARS)


def _some(count: int, name: str) -> int:
    if not count:
        raise UnknownVoiceError("unknown", name=name)
    return count
