"""Work on recordings that was asked for over REST: what waits, what is at work, what is kept and until when.

One process works on one job at a time (`jobprocess`, `jobworker`); one that somebody waits for goes ahead, between two
recordings of another. Everything lies in one temporary folder: uploads until their job is over, results until they
expire, all of it until the server ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from history.clock import told
from stream_server.faults import Refusal
from stream_server.jobprocess import Died, Hear, JobProcess, JobProcessError
from stream_server.jobworker import Advanced, Drop, Order, Over, Report, Task, weight
from stream_server.settings import JobsConfig
from stream_server.uploads import Limits, Upload
from workbench.asked import Asked
from workbench.batch import Progress
from workbench.jobs import Job, State
from workbench.runfolder import LOCK, RUN, STATE

log = logging.getLogger("undertone.jobs")
PREFIX = "undertone-jobs-"
DROP_S = 3.0
"""How long a job may take to give up; then its process is stopped, and others go on in a new one where they were."""
RETRY_S = 10.0


@dataclass(eq=False)
class Entry:
    """A job. `ahead`: somebody waits for it; `task`: what is asked, if not to predict, and its `answer`; `code`: of the
    `problem`; `size_bytes`: of its files."""

    job_id: str
    folder: Path
    upload: Upload
    asked: Asked
    ahead: bool
    created_at: float
    task: Task | None = None
    answer: bytes | None = None
    state: State = "waiting"
    progress: Progress | None = None
    problem: str | None = None
    code: str = "jobs.unavailable"
    files: list[str] = field(default_factory=list)
    expires_at: float | None = None
    size_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.folder / "run"

    def view(self) -> Job:
        at = self.progress or Progress(len(self.upload.items))
        return Job(
            job_id=self.job_id,
            state=self.state,
            created_at=told(self.created_at),
            granularity=self.asked.granularity,
            embeddings=self.asked.embeddings,
            recordings=at.total,
            done=at.done + at.skipped,
            failed=at.failed,
            audio_s=round(at.audio_s, 1),
            taken_s=round(at.taken_s, 1),
            remaining_s=None if at.remaining_s is None else round(at.remaining_s, 1),
            problem=self.problem,
            files=self.files,
            expires_at=None if self.expires_at is None else told(self.expires_at),
        )


class Jobs:
    """All jobs of a server. Everything runs in its event loop, but for what takes disk."""

    def __init__(self, settings: JobsConfig, process: Callable[[Hear], JobProcess]) -> None:
        """`process`: makes what works on the jobs, which tells the given function."""
        self._settings = settings
        self._process = process(self._hear)
        self._entries: dict[str, Entry] = {}
        self._at_work: list[Entry] = []
        self._uploads = 0
        self._upload_bytes = 0
        self._base: Path | None = None
        self._lock: FileLock | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    @contextmanager
    def admit(self, announced_bytes: int | None = None) -> Iterator[tuple[Path, Limits]]:
        """A place for an upload: an empty folder, and what may be put there. Submit it, or it is deleted.
        `announced_bytes`: its size, if its sender says so. Raises Refusal if there is no room."""
        if self._closed:
            raise Refusal("server.stopping", "the server is shutting down")
        waiting = self._uploads + sum(entry.state == "waiting" for entry in self._entries.values())
        if waiting >= self._settings.waiting:
            raise Refusal("jobs.full", f"{waiting} jobs wait already; try again in {RETRY_S:g} s", RETRY_S)
        most = self._settings.upload_mb << 20
        wanted = most if announced_bytes is None else min(most, announced_bytes)
        self._make_room(wanted)
        if (self._settings.disk_mb << 20) - self._used_bytes < wanted:
            reason = f"uploads and results take all of jobs.disk_mb; delete jobs, or try again in {RETRY_S:g} s"
            raise Refusal("jobs.full", reason, RETRY_S)
        folder = self._folder()
        self._uploads += 1
        self._upload_bytes += wanted
        try:
            yield folder / "uploads", Limits(most, self._settings.upload_files)
        finally:
            self._uploads -= 1
            self._upload_bytes -= wanted
            if folder.name not in self._entries:
                self._run(asyncio.to_thread(shutil.rmtree, folder, True))

    def submit(self, upload: Upload, asked: Asked, ahead: bool, task: Task | None = None) -> Entry:
        """Have recordings worked on, from within `admit`."""
        folder = upload.folder.parent
        entry = Entry(folder.name, folder, upload, asked, ahead, time.time(), task, size_bytes=upload.size_bytes)
        self._entries[entry.job_id] = entry
        self._pump()
        return entry

    def find(self, job_id: str) -> Entry:
        """Raises Refusal."""
        if (entry := self._entries.get(job_id)) is None:
            raise Refusal("job.not_found", f"there is no job {job_id[:80]!r}, or no longer")
        return entry

    def all(self) -> list[Entry]:
        """Newest first; without tasks, which leave nothing."""
        return [entry for entry in reversed(self._entries.values()) if entry.task is None]

    async def remove(self, entry: Entry) -> None:
        """Give a job up, and delete all that there is of it."""
        if entry in self._at_work:
            self._process.send(Drop(entry.job_id))
            with suppress(TimeoutError):
                async with asyncio.timeout(DROP_S):
                    await entry.over.wait()
        if entry in self._at_work:
            log.warning("job %s does not give up; its process is stopped", entry.job_id)
            await self._stop("waiting")
        self._forget(entry)
        await asyncio.to_thread(shutil.rmtree, entry.folder, True)
        self._pump()

    async def close(self) -> None:
        """Stop working, and delete everything."""
        self._closed = True
        for task in (self._pumping, *self._tasks):
            if task is not None:
                task.cancel()
        for timer in (self._idle, *self._timers.values()):
            if timer is not None:
                timer.cancel()
        await self._process.stop()
        for entry in self._entries.values():
            entry.over.set()
        self._entries.clear()
        if self._lock is not None and self._base is not None:
            self._lock.release()
            await asyncio.to_thread(shutil.rmtree, self._base, True)

    @property
    def _used_bytes(self) -> int:
        return self._upload_bytes + sum(entry.size_bytes for entry in self._entries.values())

    def _make_room(self, wanted: int) -> None:
        """Delete the oldest finished jobs, as far as it takes."""
        over = sorted((e for e in self._entries.values() if e.expires_at is not None), key=lambda e: e.expires_at or 0)
        most = self._settings.disk_mb << 20
        while over and (len(over) >= self._settings.kept or self._used_bytes + wanted > most):
            self._expire(over.pop(0))

    def _expire(self, entry: Entry) -> None:
        self._forget(entry)
        self._run(asyncio.to_thread(shutil.rmtree, entry.folder, True))

    def _forget(self, entry: Entry) -> None:
        self._entries.pop(entry.job_id, None)
        if (timer := self._timers.pop(entry.job_id, None)) is not None:
            timer.cancel()
        if not entry.over.is_set():
            entry.state, entry.problem = "failed", "it was given up"
            entry.over.set()

    def _folder(self) -> Path:
        """A new folder of a job, `uploads` in it. Its name cannot be guessed: who knows it may read the results."""
        try:
            if self._base is None:
                self._base = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._settings.folder or None))
                self._lock = FileLock(self._base / "lock")
                self._lock.acquire()
                self._run(asyncio.to_thread(clear_up, self._base.parent))
            folder = self._base / secrets.token_hex(12)
            (folder / "uploads").mkdir(parents=True)
        except OSError as error:
            raise Refusal("jobs.unavailable", f"the folder of the jobs cannot be written: {error.strerror}") from None
        return folder

    def _pump(self) -> None:
        if not self._closed and (self._pumping is None or self._pumping.done()):
            self._pumping = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        """Let what comes next be worked on, in a process that runs."""
        while (entry := self._next()) is not None:
            if self._idle is not None:
                self._idle.cancel()
            if not self._process.up:
                try:
                    await self._process.start()
                except Exception as error:
                    known = isinstance(error, JobProcessError)
                    log.error("recordings cannot be worked on: %s", error, exc_info=not known)
                    why = f": {error}" if known else "; the log has more"
                    for each in [each for each in self._entries.values() if each.state == "waiting"]:
                        self._end(each, f"recordings cannot be worked on{why}")
                    return
                continue  # what comes next may be another by now
            entry.state = "working"
            self._at_work.append(entry)
            most = max(0, (self._settings.disk_mb << 20) - self._used_bytes)
            self._process.send(
                Order(entry.job_id, entry.run, tuple(entry.upload.items), entry.asked, entry.ahead, most, entry.task)
            )

    def _next(self) -> Entry | None:
        """What may begin now: one job, and one that goes ahead of it."""
        if any(entry.ahead for entry in self._at_work):
            return None
        waiting = [entry for entry in self._entries.values() if entry.state == "waiting"]
        first = next((entry for entry in waiting if entry.ahead), None)
        return first if first is not None or self._at_work else next(iter(waiting), None)

    def _hear(self, said: Report | Died) -> None:
        match said:
            case Advanced(job_id=job_id, progress=progress) if (entry := self._entries.get(job_id)) is not None:
                entry.progress = progress
            case Over(job_id=job_id, progress=over, problem=problem, code=code, answer=answer):
                entry = self._entries.get(job_id)
                if entry is not None and entry in self._at_work:
                    entry.progress = over or entry.progress
                    entry.code, entry.answer = code, answer
                    self._end(entry, problem)
                self._pump()
            case Died():
                self._run(self._bury())

    async def _bury(self) -> None:
        """The process has died: what it was at is lost, what waits finds a new one."""
        how = await self._process.stop()
        log.error("the process that works on recordings died (%s)", how)
        for entry in list(self._at_work):
            self._end(entry, "the process that worked on it died; the log has more")
        self._pump()

    async def _stop(self, becomes: State) -> None:
        await self._process.stop()
        for entry in self._at_work:
            entry.state = becomes
        self._at_work.clear()

    def _end(self, entry: Entry, problem: str | None) -> None:
        if entry in self._at_work:
            self._at_work.remove(entry)
        if entry.job_id in self._entries:
            self._run(self._settle(entry, problem))

    async def _settle(self, entry: Entry, problem: str | None) -> None:
        """A job is over: its uploads go, its results stay for a while."""
        await asyncio.to_thread(shutil.rmtree, entry.upload.folder, True)
        entry.size_bytes, files = await asyncio.to_thread(_weighed, entry.run)
        entry.files = files if problem is None else []
        entry.problem, entry.state = problem, "done" if problem is None else "failed"
        entry.expires_at = time.time() + self._settings.keep_s
        entry.over.set()
        loop = asyncio.get_running_loop()
        if entry.job_id in self._entries and not self._closed:
            self._timers[entry.job_id] = loop.call_later(self._settings.keep_s, self._expire, entry)
        if not self._at_work and self._next() is None:
            if self._idle is not None:
                self._idle.cancel()
            self._idle = loop.call_later(self._settings.idle_s, lambda: self._run(self._rest()))

    async def _rest(self) -> None:
        """Nothing has been asked for in a while: the memory is free for others."""
        if not self._at_work and (self._pumping is None or self._pumping.done()):
            await self._process.stop()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def clear_up(folder: Path) -> None:
    """Delete what servers that were killed have left of their jobs in a folder."""
    for lock in folder.glob(f"{PREFIX}*/lock"):
        try:
            with FileLock(lock, timeout=0):
                pass
        except (Timeout, OSError):
            continue  # its server is at work, or it is another's
        shutil.rmtree(lock.parent, ignore_errors=True)


def _weighed(run: Path) -> tuple[int, list[str]]:
    """The size of a run's files in bytes, and the names of those of the whole."""
    if not run.exists():
        return 0, []
    files = [path.name for path in run.iterdir() if path.is_file()]
    return weight(run), sorted(name for name in files if name not in (RUN, STATE, LOCK))
