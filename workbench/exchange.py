"""Voiceprints as a document, to move them from one Undertone to another: JSON, described in docs/voiceprints.md."""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np

from monitor.analysis import SpeakerSpec
from monitor.gallery import unit
from workbench.enrolment import Portrait
from workbench.sentences import Sentence
from workbench.voiceprints import Consent, VoiceprintError, Voiceprints


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person. `vector`: of length 1; the other fields as in Voiceprint."""

    name: str
    vector: list[float]
    windows: float
    recordings: int
    speech_s: float
    consent: Consent
    problems: tuple[Sentence, ...] = ()


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everyone who is known to one model. `exported_at` in seconds since 1970."""

    format: Literal["undertone-voiceprints"]
    version: Literal[1]
    model: str
    embedding_size: int
    exported_at: float
    voiceprints: list[Entry]


class Imported(msgspec.Struct, frozen=True):
    """What became of a document: names that were taken in, and the others with the reason."""

    added: tuple[str, ...]
    left_out: dict[str, str]


def exported(voiceprints: Voiceprints, spec: SpeakerSpec, now: float) -> Document:
    """Everyone who is known to a model, unencrypted. Raises SealError."""
    about = {each.name: each for each in voiceprints.known(now, spec.name)}
    entries = [
        Entry(
            name=person.name,
            vector=[float(value) for value in person.vector],
            windows=person.windows,
            recordings=about[person.name].recordings,
            speech_s=about[person.name].speech_s,
            consent=about[person.name].consent,
            problems=about[person.name].problems,
        )
        for person in voiceprints.people(now, spec.name)
        if person.name in about
    ]
    return Document("undertone-voiceprints", 1, spec.name, spec.embedding_size, now, entries)


def read(data: bytes, spec: SpeakerSpec) -> Document:
    """Raises VoiceprintError if `data` are no such document, or of another model: vectors of two models have nothing to
    do with each other."""
    try:
        document = msgspec.json.decode(data, type=Document)
    except msgspec.DecodeError as error:
        raise VoiceprintError(f"not a document of voiceprints: {error}") from None
    if document.model != spec.name:
        raise VoiceprintError(
            f"the voiceprints are of the model {document.model!r}, and {spec.name!r} is in use; "
            "enrol from recordings again, or use that model"
        )
    for entry in document.voiceprints:
        size = len(entry.vector)
        if size != spec.embedding_size or not all(map(math.isfinite, entry.vector)) or not any(entry.vector):
            raise VoiceprintError(f"{entry.name!r}: the vector is not {spec.embedding_size} numbers, not all zero")
    return document


def take_in(voiceprints: Voiceprints, document: Document, now: float, replace: bool = False) -> Imported:
    """Keep what a document holds. Whoever's consent has expired is left out, and who is there already unless they are
    to be replaced."""
    added: list[str] = []
    left_out: dict[str, str] = {}
    for entry in document.voiceprints:
        portrait = Portrait(
            model=document.model,
            vector=unit(np.array(entry.vector)).astype(np.float32),
            windows=entry.windows,
            recordings=entry.recordings,
            speech_s=entry.speech_s,
            problems=entry.problems,
        )
        try:
            voiceprints.enrol(entry.name, portrait, entry.consent, now, replace)
        except VoiceprintError as error:
            left_out[entry.name] = str(error)
        else:
            added.append(entry.name)
    return Imported(tuple(added), left_out)
