"""What REST answers of work on recordings, for the server and for its clients alike."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.asked import EmbeddingsOf
from workbench.results import Granularity, Prediction

State = Literal["waiting", "working", "done", "failed", "stopped"]
ProblemCode = Literal["cannot_start", "died", "stuck", "disk", "too_large", "broken", "refused", "given_up", "stopped"]
"""Why a job as a whole did not come to its end: its process does not start (as when there is no model), died, or was
not heard of for too long; the disk failed; its results are too large; something broke on the server's side; it asks for
what cannot be done; it was deleted; it was stopped."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings that are being worked on, or were.

    `kind`: what embeddings are of; `recordings`: how many there are; `done`, `failed`: of them, so far; `share`: how
    far the whole is, from 0 to 1, with those that are being heard, of which `heard_s` seconds have been; `audio_s` of
    recordings were analysed in `taken_s`; `remaining_s`: at the pace so far, None before there is one. A job is `done`
    whatever became of its recordings; if it `failed` as a whole or was `stopped`, `problem` says why, and
    `problem_code` says it to a program. `files`: what there is of the whole, once it is done or stopped; those of
    single recordings are named in their results. All is deleted at `expires_at` (None before it is over).
    """

    job_id: str
    state: State
    created_at: str
    granularity: Granularity
    embeddings: bool
    recordings: int
    kind: EmbeddingsOf = "emotion"
    done: int = 0
    failed: int = 0
    share: float = 0.0
    heard_s: float = 0.0
    audio_s: float = 0.0
    taken_s: float = 0.0
    remaining_s: float | None = None
    problem: str | None = None
    problem_code: ProblemCode | None = None
    files: list[str] = []
    expires_at: str | None = None


class JobList(msgspec.Struct, frozen=True):
    """All jobs, newest first."""

    jobs: list[Job]


class Results(msgspec.Struct, frozen=True):
    """Lines of result, in the order in which they became known; of the kind `speaker` with the `quality` of each voice
    (workbench.voicefolder.VoiceLine) instead of an emotion. `next`: where to go on; None: there are no more."""

    job: Job
    results: list[Prediction]
    next: str | None = None
