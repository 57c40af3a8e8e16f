"""A server that has had calls for some time, made up, and takes none."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.pastcalls import fill
from history.database import Database
from tests.browser.serving import ServerProcess

NO_MODELS = ("--models.emotion", "none", "--models.speaker", "none", "--vad.backend", "webrtcvad")


def with_past(folder: Path, days: int, calls_a_day: int) -> ServerProcess:
    """Not started yet. Its calls are of the days up to yesterday, of two parties each, with teams and agents."""
    url = f"sqlite:///{folder}/history.sqlite3"
    database = Database(url)
    fill(database, days, calls_a_day, time.time())
    database.close()
    return ServerProcess(folder / "log", "--history.url", url, *NO_MODELS)
