"""What REST answers of voices, for the server and for its clients alike."""

from __future__ import annotations

import msgspec

from workbench.identification import Identification
from workbench.results import Failure
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
