"""A run as it is told while it goes on: how far it is, and how long it will take."""

from __future__ import annotations

from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest

from inference.model import Models
from tests.workbench.models import embedded
from tests.workbench.sounds import emodb, samples_of, spoken, write
from workbench import batch, runfolder
from workbench.asked import Asked, Item
from workbench.batch import Progress
from workbench.runfolder import RunFolder

SR = 16_000
NAMES = ("03a01Fa", "03a01Nc", "03a01Wa", "03a02Fc", "03a02Nc")


@pytest.fixture(scope="module")
def models() -> Models:
    return embedded()


def test_what_is_heard_of_those_under_way_counts_for_the_share_and_for_the_time() -> None:
    at = Progress(10, skipped=2, done=3, failed=1, taken_s=30.0, under_way=1.0)
    assert at.left == 4
    assert at.share == 0.7
    assert at.remaining_s == 18.0
    assert Progress(10, skipped=2).remaining_s is None
    assert Progress(2, skipped=2).share == 1.0


def test_every_recording_counts_once(models: Models, recordings: Path) -> None:
    ticks = count(0, 10)
    paths = [emodb(recordings, name) for name in (*NAMES, "nowhere")]
    items = [Item(path.name, path) for path in (*paths, paths[0])]
    course = [at for _, at in batch.run(items, models, Asked(), clock=lambda: float(next(ticks)))]
    assert [at.left for at in course] == [5, 4, 3, 2, 1, 0]
    assert [at.taken_s for at in course] == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    last = course[-1]
    assert (last.done, last.failed, last.remaining_s, last.share) == (5, 1, 0.0, 1.0)
    assert last.audio_s == pytest.approx(sum(len(samples_of(path)) for path in paths[:-1]) / SR, abs=0.1)


def test_a_long_recording_tells_how_far_it_is_heard(models: Models, recordings: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", spoken(recordings, 30))
    told: list[Progress] = []
    ((_, last),) = batch.run([Item("long", path)], models, Asked(), tell=told.append)
    assert [at.heard_s for at in told] == [*range(3, 31, 3), 30.0]
    assert [at.share for at in told] == pytest.approx([at.heard_s / 30 for at in told])
    first = told[0].remaining_s
    assert first is not None
    assert first == pytest.approx(9 * told[0].taken_s)
    assert (last.share, last.remaining_s, last.heard_s) == (1.0, 0.0, 0.0)


def test_the_share_never_falls_back(models: Models, recordings: Path, tmp_path: Path) -> None:
    lengths_s = (1, 4, 10, 7)
    paths = [write(tmp_path / f"{each}.wav", spoken(recordings, each)) for each in lengths_s]
    paths.append(write(tmp_path / "unknown.aac", spoken(recordings, 8), codec="aac"))
    told: list[float] = []
    items = [Item(path.name, path) for path in (*paths, tmp_path / "nowhere.wav")]
    for _, at in batch.run(items, models, Asked(), tell=lambda at: told.append(at.share)):
        told.append(at.share)
    assert told[-1] == 1.0
    assert all(before <= after + 1e-9 for before, after in pairwise(told))


def test_a_run_is_given_up_in_the_middle_of_a_recording(models: Models, recordings: Path, tmp_path: Path) -> None:
    class GivenUpError(Exception):
        pass

    def give_up(at: Progress) -> None:
        if at.heard_s >= 6:
            raise GivenUpError

    path = write(tmp_path / "long.wav", np.tile(spoken(recordings, 30), 4))
    asked = Asked("frame", embeddings=True)
    about = runfolder.about(asked, "undertone-emotion-small", True)
    with RunFolder(tmp_path / "run", about, 96) as folder, pytest.raises(GivenUpError):
        list(batch.run([Item("long", path)], models, asked, folder, tell=give_up))
    assert not list((tmp_path / "run").rglob("*.npy"))
    with RunFolder(tmp_path / "run", about, 96) as folder:
        assert list(folder.predictions()) == []
