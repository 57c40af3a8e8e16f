"""From voiceprints of both parties of a real call to their names in the rest of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.loading import load
from inference.model import specs
from monitor.analysis import Role
from monitor.events import SpeakerChanged, SpeakerUpdated
from monitor.gallery import Gallery, Person, RecognitionConfig
from monitor.session import Session
from tests.workbench.scripted import recording
from vad.grid import SAMPLE_RATE_HZ
from workbench import media, offline
from workbench.enrolment import portray
from workbench.speakers import Ears, Voice

ENROLLED_S = 60


def test_both_parties_are_named_in_the_part_of_a_call_that_they_were_not_enrolled_from(recordings: Path) -> None:
    folder, start = recordings / "conversations", ENROLLED_S * SAMPLE_RATE_HZ
    apart = np.concatenate(list(media.read(folder / "auto_repairs_40_stereo.flac", 2)), axis=1)
    mixed = np.concatenate(list(media.read(folder / "auto_repairs_40.flac", 1)), axis=1)
    models = load("none", "undertone-speaker-small", "cpu", speech=True)
    ears = Ears(models[Role.SPEAKER], models[Role.SPEECH])
    parties = [recording(name, apart[channel, :start]) for channel, name in enumerate(("customer", "agent"))]
    voices = [voice for voice in ears.hear(parties) if isinstance(voice, Voice)]
    portraits = {voice.name: portray([voice], ears.spec) for voice in voices}
    people = [Person(name, portrait.vector, portrait.windows) for name, portrait in sorted(portraits.items())]
    gallery = Gallery(ears.spec, people, config=RecognitionConfig(identify_live=True))
    session = Session("call", ("mixed",), specs(models), transport="replay", gallery=gallery)
    events = list(offline.run(session, [mixed[:, at : at + 8000] for at in range(start, mixed.shape[1], 8000)], models))
    named = {(each.speaker, each.name) for each in events if isinstance(each, SpeakerUpdated) and each.name is not None}
    assert sorted(name for _, name in named) == ["agent", "customer"], "each is named, and one speaker each"
    assert len({speaker for speaker, _ in named}) == 2
    told = [event.name for event in events if isinstance(event, SpeakerChanged)]
    assert {"agent", "customer"} <= set(told)
