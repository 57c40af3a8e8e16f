"""Many recordings' voices in one run: told as it goes on, ended in the middle, taken up again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from inference.model import Models
from monitor.analysis import Role
from tests.workbench.models import embedded
from tests.workbench.sounds import emodb
from workbench import voicebatch
from workbench.asked import Item
from workbench.batch import Progress
from workbench.speakers import Ears
from workbench.voicefolder import VoiceFolder

NAMES = ("03a01Fa", "03a01Nc", "03a01Wa")


@pytest.fixture(scope="module")
def models() -> Models:
    return embedded()


@pytest.fixture
def ears(models: Models) -> Ears:
    return Ears(models[Role.SPEAKER], models[Role.SPEECH])


def folder(path: Path, ears: Ears, single: bool = False) -> VoiceFolder:
    return VoiceFolder(path / "run", ears.spec.name, single)


def test_every_recording_counts_once_and_has_its_line(ears: Ears, recordings: Path, tmp_path: Path) -> None:
    items = [Item(name, emodb(recordings, name)) for name in NAMES] + [Item("nowhere", tmp_path / "nowhere.wav")]
    with folder(tmp_path, ears) as kept:
        course = list(voicebatch.run([*items, items[0]], ears, kept))
    assert {line.file: line.status for line, _ in course} == {**dict.fromkeys(NAMES, "done"), "nowhere": "failed"}
    last = course[-1][1]
    assert (last.total, last.done, last.failed, last.share, last.remaining_s) == (4, 3, 1, 1.0, 0.0)
    assert last.audio_s > 3


def test_a_long_recording_is_told_of_while_it_is_heard(ears: Ears, recordings: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    long = Item("long", recordings / "conversations" / "two_speakers_30s.flac")
    with folder(tmp_path, ears, single=True) as kept:
        list(voicebatch.run([long], ears, kept, told.append))
    assert len(told) >= 10
    assert all(before.share <= after.share for before, after in pairwise(told))
    assert any(0.4 < at.share < 0.6 and at.heard_s == pytest.approx(30 * at.share, abs=0.1) for at in told)


def test_a_run_that_is_given_up_goes_on_where_it_ended(ears: Ears, recordings: Path, tmp_path: Path) -> None:
    class GivenUpError(Exception):
        pass

    def give_up(at: Progress) -> None:
        if at.done >= 2:
            raise GivenUpError

    items = [Item(name, emodb(recordings, name)) for name in NAMES]
    items.append(Item("long", recordings / "conversations" / "two_speakers_30s.flac"))
    with folder(tmp_path, ears) as kept, pytest.raises(GivenUpError):
        list(voicebatch.run(items, ears, kept, give_up))
    with folder(tmp_path, ears) as kept:
        course = list(voicebatch.run(items, ears, kept))
    last = course[-1][1]
    assert 2 <= last.skipped < 4
    assert last.skipped + last.done == 4
    assert len(list((tmp_path / "run" / "embeddings").iterdir())) == 4
