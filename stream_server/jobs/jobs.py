"""Work on recordings that was asked for over REST: what waits, what is at work, what is kept and until when.

One process works on one job at a time (`process`, `worker`); one that somebody waits for goes ahead, between two
blocks of another's recordings. Everything lies in one temporary folder (`folder`): uploads until their job is over,
results until they expire, all of it until the server ends.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from metrics.instruments import Instruments
from metrics.readings import JobProcessEnd
from stream_server.faults import Refusal
from stream_server.jobs.entry import Entry
from stream_server.jobs.folder import JobFolder, weighed
from stream_server.jobs.process import Died, Hear, JobProcess, JobProcessError
from stream_server.jobs.uploads import RETRY_S, Limits, Upload
from stream_server.jobs.worker import Advanced, Begun, Drop, Order, Over, Problem, Report, Task
from stream_server.settings import JobsConfig
from workbench.asked import Asked

log = logging.getLogger("undertone.jobs")
DROP_S = 3.0
"""How long a job may take to give up; then its process is stopped, and others go on in a new one where they were."""
STUCK_S = 1800.0
"""After so long without a word its process is taken for stuck. On a machine that is busy with other things the work may
all but stand still; it says a word after every few seconds of sound."""
MOST_TRIES = 3
"""Processes that may die before they have begun a job; after that the job is taken for the reason."""
DIED = Problem("died", "the process that worked on it died; the log has more")
STUCK = Problem("stuck", f"nothing was heard of it for {STUCK_S / 60:g} minutes")
STOPPED = Problem("stopped", "it was stopped; what was done until then is kept")
GIVEN_UP = Problem("given_up", "it was given up")


class Jobs:
    """All jobs of a server. Everything runs in its event loop, but for what takes disk."""

    def __init__(self, settings: JobsConfig, process: Callable[[Hear], JobProcess]) -> None:
        """`process`: makes what works on the jobs, which tells the given function."""
        self._settings = settings
        self._process = process(self._hear)
        self._folder = JobFolder(settings.folder)
        self._instruments: Instruments | None = None
        self._entries: dict[str, Entry] = {}
        self._at_work: list[Entry] = []
        self._uploads = {True: 0, False: 0}
        """How many are under way, ahead and not."""
        self._upload_bytes = 0
        self._pumping: asyncio.Task[None] | None = None
        self._burial: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self, instruments: Instruments | None = None) -> None:
        """Delete what servers that were killed have left, as the server starts; from now on tell `instruments`."""
        self._instruments = instruments
        if instruments is not None:
            instruments.watch_jobs(lambda state: sum(entry.state == state for entry in self._entries.values()))
        await asyncio.to_thread(self._folder.clear_up)

    @contextmanager
    def admit(self, announced_bytes: int | None = None, ahead: bool = True) -> Iterator[tuple[Path, Limits]]:
        """A place for an upload: an empty folder, and what may be put there. Submit it, or it is deleted.
        `announced_bytes`: its size, if its sender says so; `ahead`: as it will be submitted. Raises Refusal if there is
        no room."""
        if self._closed:
            raise Refusal("server.stopping", "the server is shutting down")
        waiting = self._uploads[ahead] + sum(
            entry.state == "waiting" and entry.ahead == ahead for entry in self._entries.values()
        )
        if waiting >= self._settings.waiting:
            raise Refusal("jobs.full", f"{waiting} jobs wait already; try again in {RETRY_S:g} s", RETRY_S)
        most = min(self._settings.upload_mb, self._settings.disk_mb) << 20
        wanted = most if announced_bytes is None else min(most, announced_bytes)
        self._make_room(wanted)
        if (self._settings.disk_mb << 20) - self._used_bytes < wanted:
            reason = f"uploads and results take all of jobs.disk_mb; delete jobs, or try again in {RETRY_S:g} s"
            raise Refusal("jobs.full", reason, RETRY_S)
        folder = self._folder.new()
        self._uploads[ahead] += 1
        self._upload_bytes += wanted
        try:
            yield folder / "uploads", Limits(most, self._settings.upload_files)
        finally:
            self._uploads[ahead] -= 1
            self._upload_bytes -= wanted
            if folder.name not in self._entries:
                self._run(asyncio.to_thread(shutil.rmtree, folder, True))

    def submit(self, upload: Upload, asked: Asked, ahead: bool, task: Task | None = None) -> Entry:
        """Have recordings worked on, from within `admit`."""
        folder = upload.folder.parent
        entry = Entry(folder.name, folder, upload, asked, ahead, time.time(), task)
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

    async def stop(self, entry: Entry) -> None:
        """Give a job up, if it is not over, and keep what is done of it as that of others."""
        entry.stopping = True
        await self._give_up(entry)
        self._end(entry, STOPPED)
        await entry.over.wait()

    async def remove(self, entry: Entry) -> None:
        """Give a job up, and delete all that there is of it."""
        await self._give_up(entry)
        self._forget(entry)
        await asyncio.to_thread(shutil.rmtree, entry.folder, True)
        self._pump()

    async def close(self) -> None:
        """Stop working, and delete everything."""
        self._closed = True
        for task in (self._pumping, *self._tasks):
            if task is not None:
                task.cancel()
        for timer in (self._idle, self._watch, *self._timers.values()):
            if timer is not None:
                timer.cancel()
        await self._process.stop()
        if self._burial is not None:
            await asyncio.wait([self._burial])
        for entry in self._entries.values():
            entry.over.set()
        self._entries.clear()
        await asyncio.to_thread(self._folder.close)

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
            entry.state, entry.problem = "failed", GIVEN_UP
            entry.over.set()

    def _pump(self) -> None:
        if not self._closed and (self._pumping is None or self._pumping.done()):
            self._pumping = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        """Let what comes next be worked on, in a process that runs."""
        while (entry := self._next()) is not None:
            if self._idle is not None:
                self._idle.cancel()
            if self._burial is not None:
                await asyncio.wait([self._burial])
                continue  # what comes next may be another by now
            if not self._process.up:
                try:
                    await self._process.start()
                except Exception as error:
                    known = isinstance(error, JobProcessError)
                    log.error("recordings cannot be worked on: %s", error, exc_info=not known)
                    why = f": {error}" if known else "; the log has more"
                    for each in [each for each in self._entries.values() if each.state == "waiting"]:
                        self._end(each, Problem("cannot_start", f"recordings cannot be worked on{why}"))
                    return
                continue
            entry.state = "working"
            entry.tries += 1
            self._at_work.append(entry)
            most = max(0, (self._settings.disk_mb << 20) - self._used_bytes)
            self._process.send(
                Order(entry.job_id, entry.run, tuple(entry.upload.items), entry.asked, entry.ahead, most, entry.task)
            )
            self._look_out()

    def _next(self) -> Entry | None:
        """What may begin now: one job, and one that goes ahead of it."""
        if any(entry.ahead for entry in self._at_work):
            return None
        waiting = [entry for entry in self._entries.values() if entry.state == "waiting"]
        first = next((entry for entry in waiting if entry.ahead), None)
        return first if first is not None or self._at_work else next(iter(waiting), None)

    def _hear(self, said: Report | Died) -> None:
        match said:
            case Begun(job_id=job_id):
                for each in self._at_work:
                    each.begun = each.begun or each.job_id == job_id
            case Advanced() | Over():
                if self._instruments is not None:
                    work = said.work
                    self._instruments.recordings_worked_on(work.outcomes, work.audio_s, work.busy_s)
                entry = self._entries.get(said.job_id)
                if entry is not None and entry in self._at_work:
                    entry.progress = said.progress or entry.progress
                    if isinstance(said, Over):
                        entry.answer = said.answer
                        self._end(entry, said.problem)
                self._look_out()
                self._pump()
            case Died():
                self._lose(self._in_hand(), DIED, "died")

    def _look_out(self) -> None:
        """What is at work has been heard of, or has just begun."""
        if self._watch is not None:
            self._watch.cancel()
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(STUCK_S, self._give_out) if self._at_work and not self._closed else None

    def _give_out(self) -> None:
        if self._at_work:
            self._lose(self._in_hand() or self._at_work[-1:], STUCK, "stuck")

    def _in_hand(self) -> list[Entry]:
        """What the process was at as it ended: the last that it began. What that went ahead of, and what it had not
        begun, is none of the reason."""
        return [entry for entry in self._at_work if entry.begun or entry.tries >= MOST_TRIES][-1:]

    async def _give_up(self, entry: Entry) -> None:
        """Take a job from its process, if it is at work."""
        if entry in self._at_work:
            self._process.send(Drop(entry.job_id))
            with suppress(TimeoutError):
                async with asyncio.timeout(DROP_S):
                    await entry.over.wait()
        if entry in self._at_work:
            log.warning("job %s does not give up; its process is stopped", entry.job_id)
            self._lose([entry], STOPPED if entry.stopping else GIVEN_UP, "dropped")
        if self._burial is not None:
            await asyncio.wait([self._burial])

    def _lose(self, lost: list[Entry], problem: Problem, end: JobProcessEnd) -> None:
        """The process is at its end, or brought there. What else it was at goes on in a new one where it was."""
        for entry in self._at_work:
            if entry not in lost:
                entry.state, entry.begun = "waiting", False
        self._at_work.clear()
        self._burial = asyncio.get_running_loop().create_task(self._bury(lost, problem, end))

    async def _bury(self, lost: list[Entry], problem: Problem, end: JobProcessEnd) -> None:
        how = await self._process.stop()
        log.log(logging.INFO if end == "dropped" else logging.ERROR, "the process of jobs has ended: %s (%s)", end, how)
        self._count_end(end)
        for entry in lost:
            self._end(entry, problem)
        self._burial = None
        self._pump()

    def _end(self, entry: Entry, problem: Problem | None) -> None:
        """A job is at its end; `problem`: why before its time."""
        if entry in self._at_work:
            self._at_work.remove(entry)
        if entry.job_id in self._entries and not entry.ending:
            entry.ending, entry.state = True, "working"  # it waits no more
            self._run(self._settle(entry, STOPPED if problem is not None and entry.stopping else problem))

    async def _settle(self, entry: Entry, problem: Problem | None) -> None:
        """A job is over: its uploads go, its results stay for a while."""
        await asyncio.to_thread(shutil.rmtree, entry.upload.folder, True)
        entry.upload.items.clear()  # thousands of names and places, of each job that is kept
        entry.size_bytes, files = await asyncio.to_thread(weighed, entry.run)
        entry.problem = problem
        if problem is None or problem is STOPPED:
            entry.state, entry.files = "done" if problem is None else "stopped", files
        else:
            entry.state = "failed"
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
        if self._process.up and not self._at_work and (self._pumping is None or self._pumping.done()):
            self._count_end("idle")
            await self._process.stop()

    def _count_end(self, end: JobProcessEnd) -> None:
        if self._instruments is not None:
            self._instruments.job_process_ended(end)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
