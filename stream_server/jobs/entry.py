"""One job as the server knows it: what was asked, how far it is, how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from history.clock import told
from stream_server.jobs.uploads import Upload
from stream_server.jobs.worker import Problem, Task
from workbench.asked import Asked
from workbench.batch import Progress
from workbench.jobs import Job, State


@dataclass(eq=False)
class Entry:
    """A job. `ahead`: somebody waits for it; `task`: what is asked, if not to predict, and its `answer`; `size_bytes`:
    of its files.

    `tries`: how many processes were given it, and `begun`: the last has it in hand; `stopping`: what is done of it is
    to be kept, and no more to be done; `ending`: it is over but for its files."""

    job_id: str
    folder: Path
    upload: Upload
    asked: Asked
    ahead: bool
    created_at: float
    task: Task | None = None
    answer: bytes | None = None
    state: State = "waiting"
    progress: Progress = field(init=False)
    problem: Problem | None = None
    files: list[str] = field(default_factory=list)
    expires_at: float | None = None
    size_bytes: int = 0
    begun: bool = False
    tries: int = 0
    stopping: bool = False
    ending: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.progress = Progress(len(self.upload.items))
        self.size_bytes = self.upload.size_bytes

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.folder / "run"

    def view(self) -> Job:
        at = self.progress
        return Job(
            job_id=self.job_id,
            state=self.state,
            created_at=told(self.created_at),
            granularity=self.asked.granularity,
            embeddings=self.asked.embeddings,
            recordings=at.total,
            kind=self.asked.kind,
            done=at.done + at.skipped,
            failed=at.failed,
            share=round(at.share, 4),
            heard_s=round(at.heard_s, 1),
            audio_s=round(at.audio_s, 1),
            taken_s=round(at.taken_s, 1),
            remaining_s=None if at.remaining_s is None else round(at.remaining_s, 1),
            problem=None if self.problem is None else self.problem.reason,
            problem_code=None if self.problem is None else self.problem.code,
            files=self.files,
            expires_at=None if self.expires_at is None else told(self.expires_at),
        )
