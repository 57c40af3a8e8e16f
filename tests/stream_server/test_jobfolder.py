"""Where jobs lie: for nobody else to read, and gone when it should be."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from filelock import FileLock

from stream_server.faults import Refusal
from stream_server.jobs.folder import PREFIX, UNHELD_S, JobFolder, weighed


def test_only_the_user_of_the_server_may_look_into_it(tmp_path: Path) -> None:
    folder = JobFolder(str(tmp_path))
    job = folder.new()
    assert (job / "uploads").is_dir()
    assert stat.S_IMODE(job.parent.stat().st_mode) == 0o700
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_it_is_made_anew_as_private_as_before_if_somebody_has_tidied_it_away(tmp_path: Path) -> None:
    folder = JobFolder(str(tmp_path))
    shutil.rmtree(folder.new().parent)
    again = folder.new().parent
    assert stat.S_IMODE(again.stat().st_mode) == 0o700
    JobFolder(str(tmp_path)).clear_up()
    assert again.exists(), "it is held"
    folder.close()


def test_what_nobody_holds_any_more_is_deleted_and_what_is_being_made_is_not(tmp_path: Path) -> None:
    killed, held, new, old, other = (tmp_path / f"{PREFIX}{name}" for name in ("killed", "held", "new", "old", "other"))
    other = tmp_path / "undertone-else"
    for each in (killed, held, new, old, other):
        (each / "run").mkdir(parents=True)
    (killed / "lock").touch()
    long_ago = time.time() - UNHELD_S - 1
    os.utime(old, (long_ago, long_ago))
    with FileLock(held / "lock"):
        JobFolder(str(tmp_path)).clear_up()
    assert set(tmp_path.iterdir()) == {held, new, other}


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be written: No such file or directory"):
        JobFolder(str(tmp_path / "nowhere")).new()


def test_a_run_that_is_gone_weighs_nothing(tmp_path: Path) -> None:
    assert weighed(tmp_path / "nowhere") == (0, [])
    (tmp_path / "run.json").write_bytes(b"{}")
    (tmp_path / "results.csv").write_bytes(b"file\n")
    assert weighed(tmp_path) == (7, ["results.csv"])
