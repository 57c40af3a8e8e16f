"""Whose voice it is, said of a recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from history.database import Database
from monitor.gallery import Gallery, Person, RecognitionConfig
from tests.workbench.scripted import SPEC, spoken
from tests.workbench.test_voiceprints import CONSENT, NOW, portrait
from workbench.identification import identify, open_gallery
from workbench.library import Item, Kind, Library, Shelf
from workbench.sealing import Seal
from workbench.verification import VerificationError
from workbench.voiceprints import Voiceprints


def gallery(count: int) -> Gallery:
    return Gallery(SPEC, [Person(f"P{speaker}", spoken(speaker, 9).vector, 8.0) for speaker in range(count)])


def test_a_known_speaker_is_named_with_the_next_likely_ones() -> None:
    told = identify(spoken(2, 1), gallery(5))
    assert told.name == "P2"
    assert told.sentence.text in ("The speaker of 2-1.wav is very likely P2.", "The speaker of 2-1.wav is probably P2.")
    assert told.matches[0].name == "P2"
    assert len(told.matches) == 5
    assert "does not authenticate" in told.caution.text


def test_a_stranger_is_not() -> None:
    told = identify(spoken(50), gallery(5))
    assert told.name is None
    assert told.sentence.text == "The speaker of 50-0.wav is none of the 5 known for certain enough."


def test_where_nobody_is_known_that_is_said() -> None:
    assert identify(spoken(1), gallery(0)).sentence.key == "identify.nobody_known"


def test_voices_of_another_model_are_refused() -> None:
    with pytest.raises(VerificationError, match="embedded by another, not by model"):
        identify(replace(spoken(1), model="another"), gallery(2))


def test_the_gallery_is_whoever_is_known_now_beside_the_cohort() -> None:
    database = Database("")
    voiceprints, library = Voiceprints(database, Seal()), Library(database, Seal())
    voiceprints.enrol("Ann", portrait(1), CONSENT, NOW)
    cohort = np.array([spoken(speaker).vector for speaker in range(40, 80)])
    library.add(Shelf(Kind.COHORT, SPEC.name, [Item("cohort")] * len(cohort), cohort), NOW)
    opened = open_gallery(voiceprints, library, SPEC, RecognitionConfig(), NOW)
    assert opened.names == ("Ann",)
    assert opened.normalised
    assert identify(spoken(1, 7), opened).name == "Ann"
    assert open_gallery(voiceprints, library, SPEC, RecognitionConfig(), CONSENT.expires_at).names == ()
    database.close()
