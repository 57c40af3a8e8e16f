"""Where the uploads and results of jobs lie: a folder of this server alone, held by a lock, gone with the server. What
a server that was killed has left is deleted by the next one."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

from stream_server.faults import Refusal
from stream_server.jobs.worker import weight
from workbench.ledger import LOCK, RUN, STATE

PREFIX = "undertone-jobs-"
UNHELD_S = 60.0
"""A folder without a lock is a remainder once it is as old as that; younger, it may be one that is being made."""


class JobFolder:
    """The folder of a server's jobs, made when there is first something to put there."""

    def __init__(self, parent: str) -> None:
        """`parent`: in which folder it is to be; empty: the system's temporary one."""
        self._parent = parent or None
        self._base: Path | None = None
        self._lock: FileLock | None = None

    def new(self) -> Path:
        """A new folder of a job, `uploads` in it. Its name cannot be guessed: who knows it may read the results. Raises
        Refusal."""
        try:
            base = self._made()
            folder = base / secrets.token_hex(12)
            folder.mkdir()
            (folder / "uploads").mkdir()
        except OSError as error:
            raise Refusal("jobs.unavailable", f"the folder of the jobs cannot be written: {error.strerror}") from None
        return folder

    def clear_up(self) -> None:
        """Delete what servers that were killed have left beside it."""
        for base in Path(self._parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
            if base != self._base and _is_left(base):
                shutil.rmtree(base, ignore_errors=True)

    def close(self) -> None:
        """Delete it."""
        if self._lock is not None and self._base is not None:
            self._lock.release()
            shutil.rmtree(self._base, ignore_errors=True)

    def _made(self) -> Path:
        """The folder, which only this user may read; anew if somebody has tidied it away."""
        if self._base is None or self._lock is None or not self._base.is_dir():
            self._base = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
            self._lock = FileLock(self._base / "lock")
            self._lock.acquire()
        return self._base


def weighed(run: Path) -> tuple[int, list[str]]:
    """The size of a run's files in bytes, and the names of those of the whole; nothing of one that is being deleted."""
    try:
        files = [path.name for path in run.iterdir() if path.is_file()]
        size = weight(run)
    except OSError:
        return 0, []
    return size, sorted(name for name in files if name not in (RUN, STATE, LOCK))


def _is_left(base: Path) -> bool:
    """Whether no server holds a folder any more."""
    lock = base / "lock"
    try:
        if not lock.exists():
            return time.time() - base.stat().st_mtime > UNHELD_S
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        return False  # its server is at work, or it is another's
