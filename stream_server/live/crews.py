"""From settings to models: for this process, or in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from history.database import Database
from inference.allocation import keep_freed_memory
from inference.catalogue import MODELS, kept
from inference.model import CheckpointError, Models
from inference.remote import Worker
from monitor.analysis import Role
from notify.delivery import Notifier
from stream_server.live.engine import Engine
from stream_server.settings import Settings, SettingsError

SHIPPED = "undertone-"
"""So begin the names of the models that ship with Undertone."""
MOST_WORKERS = 3
"""One event loop keeps no more of them busy."""


def load_models(settings: Settings) -> Models:
    """Load the models that the settings name, here, and settle the threads of their arithmetic. Raises CheckpointError.

    Threads that wait for each other spin: with more of them than idle cores everything becomes many times slower.
    """
    import torch  # not needed where the models run elsewhere

    from inference.loading import load
    from inference.precision import Precision
    from inference.reuse import Reuse, Shortcuts

    keep_freed_memory()
    torch.set_num_threads(settings.models.threads or max(1, _cores() // 2))
    return load(
        settings.models.emotion,
        settings.models.speaker,
        settings.models.device,
        Role.SPEECH in roles(settings),
        Shortcuts(Reuse(settings.models.reuse), Precision(settings.models.precision)),
    )


def load_engine(settings: Settings, database: Database | None = None, notifier: Notifier | None = None) -> Engine:
    """An engine with its models loaded; `database` and `notifier` as in Engine. Raises CheckpointError, WorkerError,
    SettingsError."""
    if settings.models.in_process or not roles(settings):
        return Engine(settings, [load_models(settings)], database=database, notifier=notifier)
    workers = start_workers(settings)
    try:
        return Engine(settings, [worker.models for worker in workers], workers, database, notifier)
    except SettingsError:
        for worker in workers:
            worker.close()
        raise


def start_workers(settings: Settings) -> Sequence[Worker]:
    """The processes that run the models, ready. Raises CheckpointError, WorkerError."""
    fetch(settings)
    number = settings.models.workers or min(MOST_WORKERS, max(1, _cores() * 2 // 3))
    threads = settings.models.threads or max(1, _cores() // (number if _large(settings) else number + 1))
    load = partial(load_models, replace(settings, models=replace(settings.models, threads=threads)))
    # Large models find out at their start what is quickest, and must not do so against each other.
    with ThreadPoolExecutor(1 if _large(settings) else number) as starting:
        pending = [starting.submit(Worker, load, roles(settings)) for _ in range(number)]
    failed = next((each.exception() for each in pending if each.exception() is not None), None)
    if failed is not None:
        for each in pending:
            if each.exception() is None:
                each.result().close()
        raise failed
    return [each.result() for each in pending]


def fetch(settings: Settings) -> None:
    """Fetch the published models that are named and not there yet: before the processes start, which have only so long,
    and in one of its own, so that this one need not load what the checking of a model needs. Raises CheckpointError."""
    for name in (settings.models.emotion, settings.models.speaker):
        if name in MODELS and not kept(name):
            command = [sys.executable, "-m", "stream_server.commands.cli", "models", "pull", name]
            if subprocess.run(command, check=False).returncode:
                raise CheckpointError(f"{name} could not be fetched; why is said above")


def roles(settings: Settings) -> list[Role]:
    """What there is a model for."""
    wanted = {
        Role.EMOTION: settings.models.emotion != "none",
        Role.SPEAKER: settings.models.speaker != "none",
        Role.SPEECH: settings.vad.backend != "webrtcvad",
    }
    return [role for role, there in wanted.items() if there]


def _large(settings: Settings) -> bool:
    """Whether the emotion model is a published one: a few calls keep it busy and leave the server's own process little
    to do, so that the workers may use all cores."""
    name = settings.models.emotion
    return name in MODELS or (not name.startswith(SHIPPED) and Path(name).expanduser().exists())


def _cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
