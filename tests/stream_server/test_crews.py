"""A server whose models run in other processes, or in several sets."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from inference.model import CheckpointError, Models
from inference.remote import Worker, WorkerError
from monitor.analysis import Role, Stream, Window
from monitor.events import Emotion, Event, Warning, decode
from stream_server.live import crews
from stream_server.live.crews import load_engine, start_workers
from stream_server.live.pressure import FULL_BUSY, FULL_S
from stream_server.settings import ModelsConfig, Settings
from tests.scripted import by_type_and_channel, conversation, of, voice
from tests.stream_server.serving import Served, heard, loud, pcm, scripted_models, send_all, serving, until
from vad.endpointing import EndpointingConfig

SCRIPTED = [Role.EMOTION, Role.SPEAKER]


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(scripted_models, SCRIPTED)
    yield worker
    worker.close()


async def events_of_a_call(served: Served) -> list[Event]:
    async with served.stream(call_id="call") as call:
        sending = asyncio.create_task(send_all(call, conversation()))
        events = await heard(call)
        await sending
    return [
        msgspec.structs.replace(event, at=None, **({"lag_ms": None} if isinstance(event, Emotion) else {}))
        for event in events
        if not isinstance(event, Warning)
    ]


async def test_models_in_another_process_give_the_same_events(worker: Worker) -> None:
    async with serving(worker.models) as served:
        there = await events_of_a_call(served)
    async with serving() as served:
        here = await events_of_a_call(served)
    assert len(of(there, Emotion)) > 30
    assert by_type_and_channel(there) == by_type_and_channel(here)


async def hear_until(call: ClientConnection, enough: Callable[[Event], bool]) -> list[Event]:
    """The events up to the first that is enough."""
    events: list[Event] = []
    async with asyncio.timeout(20):
        while not events or not enough(events[-1]):
            events.append(decode(await call.recv()))
    return events


async def test_a_call_survives_the_death_of_its_models_and_goes_on_with_scores(worker: Worker) -> None:
    def scored(event: Event, since_s: float) -> bool:
        return isinstance(event, Emotion) and event.label is not None and event.t >= since_s

    async with serving(worker.models) as served, served.stream() as call:
        await call.send(pcm(voice(120, 2.0)))
        await hear_until(call, partial(scored, since_s=2.0))
        (process,) = [child for child in active_children() if child.pid == worker.pid]
        os.kill(worker.pid or 0, signal.SIGKILL)
        process.join(10)
        await call.send(pcm(voice(120, 0.5, seed=1)))
        failed = await hear_until(call, lambda event: isinstance(event, Warning))
        await call.send(pcm(voice(120, 2.0, seed=2)))
        await hear_until(call, partial(scored, since_s=4.5))
        await call.send('{"type":"finish"}')
        events = await heard(call)
    assert [event.code for event in of(failed, Warning)] == ["windows.failed"]
    assert worker.generation == 2
    assert events[-1].reason == "finished"
    assert events[-1].summary.windows["emotion.failed"] == 1
    assert events[-1].summary.windows["emotion.analysed"] == 8


async def test_calls_are_shared_out_evenly_among_crews() -> None:
    heard_by: dict[str, set[Stream]] = {"one": set(), "other": set()}

    def note(batch: Sequence[Window], *, crew: str) -> None:
        if loud(batch):  # all zeros: the warm-up
            heard_by[crew] |= {window.stream for window in batch if window.role is Role.EMOTION}

    scripted = [scripted_models(before=partial(note, crew=crew)) for crew in heard_by]
    async with serving(*scripted) as served, AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(served.stream(call_id=str(number))) for number in range(6)]

        async def speak(call: ClientConnection) -> None:
            await call.send(pcm(voice(120, 1.0)))
            await hear_until(call, lambda event: isinstance(event, Emotion))

        for call in calls:
            await speak(call)
        assert [len(streams) for streams in heard_by.values()] == [3, 3]
        before = {crew: set(streams) for crew, streams in heard_by.items()}
        for call in calls[:4:2]:  # of one crew
            await call.send('{"type":"finish"}')
            await heard(call)
        await until(lambda: len(served.engine._calls) == 4)
        for number in range(6, 8):
            await speak(await stack.enter_async_context(served.stream(call_id=str(number))))
    assert sorted(len(heard_by[crew] - before[crew]) for crew in heard_by) == [0, 2]


# --- from settings


def scripted_of(settings: Settings) -> Models:
    return scripted_models()


def the_first_only(settings: Settings) -> Models:
    """Loads the models for whoever comes first."""
    try:
        Path(settings.models.emotion).touch(exist_ok=False)
    except FileExistsError:
        raise CheckpointError("there is one already") from None
    return scripted_models()


def dying(settings: Settings) -> Models:
    os._exit(3)


def settings_of(**models: object) -> Settings:
    return Settings(models=replace(ModelsConfig(), **models), vad=EndpointingConfig("webrtcvad"))  # type: ignore[arg-type]


def test_an_engine_has_as_many_workers_as_the_settings_say_and_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "load_models", scripted_of)
    before = set(active_children())
    engine = load_engine(settings_of(workers=2))
    assert len(set(active_children()) - before) == len(engine._crews) == 2
    engine.close()
    assert set(active_children()) == before


def test_an_engine_in_one_process_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "load_models", scripted_of)
    before = active_children()
    engine = load_engine(settings_of(workers=2, in_process=True))
    assert active_children() == before
    assert len(engine._crews) == 1


def test_where_one_worker_does_not_start_none_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(crews, "load_models", the_first_only)
    before = active_children()
    with pytest.raises(CheckpointError, match="there is one already"):
        start_workers(settings_of(workers=2, emotion=str(tmp_path / "taken")))
    assert active_children() == before


def test_a_worker_that_dies_at_its_start_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "load_models", dying)
    with pytest.raises(WorkerError, match="did not start"):
        start_workers(settings_of(workers=1))


class Busy:
    """A process of models that never rests."""

    down = False

    @property
    def busy_s(self) -> Sequence[float]:
        return [time.monotonic()]

    def close(self) -> None:
        pass


async def test_a_server_whose_models_have_no_time_left_says_so_and_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as served:
        monkeypatch.setattr(served.engine, "_bases", [Busy()])
        await until(lambda: served.engine.pressure.full)
        assert served.engine.pressure.strain_s < FULL_S
        told = served.engine.instruments.registry.get_sample_value("undertone_busy_ratio")
        assert told is not None
        assert told >= FULL_BUSY


@pytest.mark.parametrize(
    ("cores", "models", "workers", "threads"),
    [
        (1, {}, 1, 1),
        (2, {}, 1, 1),
        (4, {}, 2, 1),
        (8, {}, 3, 2),
        (64, {}, 3, 16),
        (8, {"workers": 1}, 1, 4),
        (2, {"workers": 5}, 5, 1),
        (8, {"threads": 7}, 3, 7),
        (2, {"emotion": "."}, 1, 2),  # a folder: a large model
        (8, {"emotion": "iic/emotion2vec_plus_base"}, 3, 2),
    ],
)
def test_the_cores_are_shared_out_among_the_workers_and_the_loop(
    monkeypatch: pytest.MonkeyPatch, cores: int, models: dict[str, Any], workers: int, threads: int
) -> None:
    started: list[int] = []

    def start(load: partial[Models], roles: Sequence[Role]) -> str:
        started.append(load.args[0].models.threads)
        return "started"

    monkeypatch.setattr(crews, "_cores", lambda: cores)
    monkeypatch.setattr(crews, "Worker", start)
    monkeypatch.setattr(crews, "fetch", lambda settings: None)
    assert start_workers(settings_of(**models)) == ["started"] * workers
    assert started == [threads] * workers


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        (Settings(), [Role.EMOTION, Role.SPEAKER, Role.SPEECH]),
        (settings_of(), [Role.EMOTION, Role.SPEAKER]),
        (settings_of(speaker="none"), [Role.EMOTION]),
        (settings_of(emotion="none"), [Role.SPEAKER]),
    ],
    ids=["all", "no judge", "no speaker", "no emotion"],
)
def test_there_is_a_line_for_every_model_that_the_settings_name(settings: Settings, roles: list[Role]) -> None:
    assert crews.roles(settings) == roles


def test_a_model_that_is_not_there_is_fetched_before_the_processes_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "iic/emotion2vec_plus_base"
    settings = Settings(models=ModelsConfig(emotion=name))
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], *, check: bool) -> CompletedProcess[str]:
        asked.append(command[1:])
        return CompletedProcess(command, len(asked) - 1)

    monkeypatch.setattr(crews.subprocess, "run", run)
    crews.fetch(settings)
    assert asked == [["-m", "stream_server.commands.cli", "models", "pull", name]]
    with pytest.raises(CheckpointError, match=f"{name} could not be fetched"):
        start_workers(settings)
    (tmp_path / "models" / name.replace("/", "--")).mkdir(parents=True)
    crews.fetch(settings)
    assert len(asked) == 2
