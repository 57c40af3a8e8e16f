"""What REST asks about voices, as it is done in the process that works on recordings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from history.database import DatabaseError
from inference.model import Models
from monitor.analysis import Role
from stream_server.jobs.voicestore import open_store
from stream_server.jobs.worker import TaskError
from stream_server.settings import Settings
from workbench.answers import Enrolled, Identified, Left, Verified
from workbench.asked import Item
from workbench.enrolment import EnrolmentError, portray
from workbench.identification import identify, open_gallery
from workbench.sealing import SealError
from workbench.speakers import Ears, Unheard, Voice
from workbench.verification import Purpose, VerificationError, verify
from workbench.voiceprints import Consent, VoiceprintError


@dataclass(frozen=True, slots=True)
class Verify:
    """Is it the same voice?"""

    settings: Settings
    purpose: Purpose
    prior: float

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        ears, voices, left = heard(self.settings, models, items)
        with _refusals():
            return msgspec.json.encode(Verified(verify(voices, ears.spec, self.purpose, self.prior), left))


@dataclass(frozen=True, slots=True)
class Enroll:
    """Make a voiceprint. `days`: how long the consent to `purpose` holds."""

    settings: Settings
    name: str
    purpose: str
    expires_at: float
    note: str
    replace: bool

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        ears, voices, left = heard(self.settings, models, items)
        now = time.time()
        consent = Consent(self.purpose, now, self.expires_at, self.note)
        with _refusals(), open_store(self.settings) as store:
            kept = store.voiceprints.enrol(self.name, portray(voices, ears.spec), consent, now, self.replace)
        return msgspec.json.encode(Enrolled(kept, left))


@dataclass(frozen=True, slots=True)
class Identify:
    """Whose voice is it?"""

    settings: Settings

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        ears, voices, left = heard(self.settings, models, items)
        with _refusals(), open_store(self.settings) as store:
            gallery = open_gallery(store.voiceprints, store.library, ears.spec, self.settings.voiceprints, time.time())
        return msgspec.json.encode(Identified([identify(voice, gallery) for voice in voices], left))


def heard(settings: Settings, models: Models, items: Sequence[Item]) -> tuple[Ears, list[Voice], list[Left]]:
    """The voices, in the order of the recordings, and those without one."""
    ears = Ears(models[Role.SPEAKER], models.get(Role.SPEECH), settings.vad)
    found = {each.name: each for each in ears.hear_files(items)}
    ordered = [found[item.name] for item in items]
    left = [Left(each.name, each.failure) for each in ordered if isinstance(each, Unheard)]
    return ears, [each for each in ordered if isinstance(each, Voice)], left


@contextmanager
def _refusals() -> Iterator[None]:
    """What the workbench raises, as what REST answers."""
    try:
        yield
    except (VerificationError, EnrolmentError) as error:
        raise TaskError("voices.refused", str(error), error.sentence) from None
    except VoiceprintError as error:
        raise TaskError("voice.invalid", str(error), error.sentence) from None
    except (DatabaseError, SealError) as error:
        raise TaskError("history.unavailable", str(error)) from None
