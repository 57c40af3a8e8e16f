"""What REST answers of voices and of what lies between recordings, for the server and for its clients alike."""

from __future__ import annotations

import msgspec

from workbench.clusters import Clustering
from workbench.identification import Identification
from workbench.library import Kind
from workbench.results import Failure
from workbench.search import Hit
from workbench.verification import Verification
from workbench.voiceprints import Voiceprint


class Left(msgspec.Struct, frozen=True):
    """A recording that holds no voice, and why."""

    file: str
    failure: Failure


class Verified(msgspec.Struct, frozen=True):
    """Whether recordings hold the same voice; those that are left out."""

    verification: Verification
    left_out: list[Left]


class Enrolled(msgspec.Struct, frozen=True):
    """The voiceprint that was made; recordings that are left out."""

    voiceprint: Voiceprint
    left_out: list[Left]


class Identified(msgspec.Struct, frozen=True):
    """Whose voice each recording holds; those that are left out."""

    identifications: list[Identification]
    left_out: list[Left]


class VoiceprintList(msgspec.Struct, frozen=True):
    """Everyone who is known, by name."""

    voices: list[Voiceprint]


class Kept(msgspec.Struct, frozen=True):
    """Embeddings that are kept from now on, of which recordings; those that are left out."""

    kind: Kind
    model: str
    kept: list[str]
    left_out: list[Left]


class Found(msgspec.Struct, frozen=True):
    """What is most like a recording, of `among` embeddings that are kept."""

    kind: Kind
    model: str
    among: int
    hits: list[Hit]


class Placed(msgspec.Struct, frozen=True):
    """A recording, the group that it is in (-1: none), and its place on the map, if one was asked for. `label`: the
    emotion with the highest score, where scores are known."""

    source: str
    start_s: float | None
    end_s: float | None
    group: int
    x: float | None
    y: float | None
    label: str | None = None


class Clustered(msgspec.Struct, frozen=True):
    """Groups, and what is in them."""

    clustering: Clustering
    items: list[Placed]


class Shelves(msgspec.Struct, frozen=True):
    """Recordings whose embeddings of a kind are kept, by model."""

    kind: Kind
    models: dict[str, list[str]]
