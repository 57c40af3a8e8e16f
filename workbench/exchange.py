"""Voiceprints as a document, to move them from one Undertone to another: JSON, described in docs/voiceprints.md."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np

from monitor.analysis import SpeakerSpec
from monitor.gallery import unit
from workbench.enrolment import Portrait
from workbench.sealing import Seal, SealError
from workbench.sentences import Sentence
from workbench.speakers import Vector
from workbench.voiceprints import Consent, VoiceprintError, Voiceprints

LENGTHS = 1e-3, 1e3
"""Between which lengths a vector is one; it is brought to length 1."""
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class VoiceprintEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person. `vector`: of length 1; bytes (base64) if the document is encrypted. The other fields as in
    Voiceprint."""

    name: str
    vector: list[float] | bytes
    windows: Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    recordings: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    speech_s: Amount
    consent: Consent
    problems: tuple[Sentence, ...] = ()


class VoiceprintDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everyone who is known to one model. `exported_at` in seconds since 1970; `sealed_by`: the key that the vectors
    are encrypted with, left out if they are not."""

    format: Literal["undertone-voiceprints"]
    version: Literal[1]
    model: str
    embedding_size: int
    exported_at: float
    voiceprints: list[VoiceprintEntry]
    sealed_by: str | None = None


class Imported(msgspec.Struct, frozen=True):
    """What became of a document: names that were taken in, and the others with the reason."""

    added: tuple[str, ...]
    left_out: dict[str, Sentence]


def exported(voiceprints: Voiceprints, spec: SpeakerSpec, now: float, seal: Seal) -> VoiceprintDocument:
    """Everyone who is known to a model, encrypted with the key of `seal` if it has one. Raises SealError."""
    entries = [
        VoiceprintEntry(
            name=about.name,
            vector=seal.lock(vector, _about(about.name, spec.name)) if seal.name is not None else _numbers(vector),
            windows=about.windows,
            recordings=about.recordings,
            speech_s=about.speech_s,
            consent=about.consent,
            problems=about.problems,
        )
        for about, vector in voiceprints.with_vectors(now, spec.name)
    ]
    return VoiceprintDocument(
        "undertone-voiceprints", 1, spec.name, spec.embedding_size, now, entries, sealed_by=seal.name
    )


def read(data: bytes, spec: SpeakerSpec, seal: Seal) -> VoiceprintDocument:
    """The document, decrypted. Raises VoiceprintError if `data` are none, are encrypted with another key than that of
    `seal`, or of another model: vectors of two models have nothing to do with each other."""
    try:
        document = msgspec.json.decode(data, type=VoiceprintDocument)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VoiceprintError("no_document", problem=str(error)) from None
    if document.model != spec.name:
        raise VoiceprintError("document_model", model=document.model, wanted=spec.name)
    opened = [
        msgspec.structs.replace(entry, vector=_vector(entry, document, spec, seal).tolist())
        for entry in document.voiceprints
    ]
    return msgspec.structs.replace(document, voiceprints=opened, sealed_by=None)


def take_in(voiceprints: Voiceprints, document: VoiceprintDocument, now: float, replace: bool = False) -> Imported:
    """Keep what a document that was read holds, all at once. Whoever's consent has expired is left out, and who is
    there already unless they are to be replaced."""
    portraits = [
        (
            entry.name,
            Portrait(
                model=document.model,
                vector=np.array(entry.vector, np.float32),
                windows=entry.windows,
                recordings=entry.recordings,
                speech_s=entry.speech_s,
                problems=entry.problems,
            ),
            entry.consent,
        )
        for entry in document.voiceprints
    ]
    return Imported(*voiceprints.enrol_all(portraits, now, replace))


def _vector(entry: VoiceprintEntry, document: VoiceprintDocument, spec: SpeakerSpec, seal: Seal) -> Vector:
    """Of length 1. Raises VoiceprintError."""
    if isinstance(entry.vector, bytes):
        try:
            given = seal.unlock(entry.vector, document.sealed_by, _about(entry.name, document.model))
        except SealError as error:
            raise VoiceprintError("sealed", name=entry.name, problem=str(error)) from None
    else:
        given = np.array(entry.vector)
    least, most = LENGTHS
    with np.errstate(over="ignore"):
        sound = given.shape == (spec.embedding_size,) and least <= np.linalg.norm(given) <= most
    if not sound:
        raise VoiceprintError("no_vector", name=entry.name, size=spec.embedding_size)
    return unit(given).astype(np.float32)


def _numbers(vector: Vector) -> list[float]:
    """With as many digits as a float32 has."""
    return [float(str(value)) for value in vector]


def _about(name: str, model: str) -> str:
    return f"exported voiceprint of {name} {model}"
