"""Models in a process of their own: what crosses, that nothing is changed by it, and what happens when it dies."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing import active_children
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest
import torch

from inference import remote
from inference.model import SLOW_S, CheckpointError, Models, specs
from inference.remote import Worker, WorkerError
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    Missing,
    Role,
    SpeakerAnalysis,
    SpeechAnalysis,
    Stream,
    Window,
)
from monitor.session import Session
from tests.inference import workers
from tests.inference.workers import (
    BROKEN,
    DEADLY,
    OVERLAP,
    SLOW,
    Came,
    but_not_the_second_time,
    came,
    damaged,
    dying,
    embedded,
    failing,
    large,
    telling,
)
from tests.scripted import answer, conversation
from vad.endpointing import EndpointingConfig
from vad.pcm import Samples

WHOLE = workers.SPEAKER.window_samples
AUDIO = np.arange(100_000, dtype=np.float32)
"""Every sample says which it is."""
WAIT_S = 20.0


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker(telling, list(Role))
    yield worker
    worker.close()


@contextmanager
def working() -> Iterator[Worker]:
    """A process that a test may harm."""
    worker = Worker(telling, list(Role))
    try:
        yield worker
    finally:
        worker.close()


def window(
    stream: Stream, end: int, role: Role = Role.SPEAKER, *, size: int = WHOLE, last: float | None = None
) -> Window:
    samples = AUDIO[end - size : end].copy()
    if last is not None:
        samples[-1] = last
    return Window(end, role, 0, end, samples, stream)


def ask(worker: Worker, *windows: Window) -> list[Came]:
    return [came(analysis) for analysis in worker.models[windows[0].role].analyse(windows)]


def sizes(told: Sequence[Came]) -> list[int]:
    return [each.samples for each in told]


def kill(worker: Worker) -> None:
    """The process is gone when this returns."""
    (process,) = [child for child in active_children() if child.pid == worker.pid]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(WAIT_S)
    assert not process.is_alive()


# --- what crosses


def test_the_models_are_what_the_process_says_they_are(worker: Worker) -> None:
    assert {role: (model.role, model.spec, model.max_batch) for role, model in worker.models.items()} == {
        role: (model.role, model.spec, model.max_batch) for role, model in telling().items()
    }
    assert worker.models[Role.SPEAKER].overlap_samples == OVERLAP
    assert worker.models[Role.EMOTION].overlap_samples is None


def test_a_model_that_wants_whole_windows_gets_them(worker: Worker) -> None:
    stream = Stream()
    for end in (6400, 6720, 9600):
        (told,) = ask(worker, window(stream, end, Role.EMOTION))
        assert (told.samples, told.first, told.last) == (WHOLE, end - WHOLE, end - 1)


def test_of_a_window_that_follows_on_only_what_is_new_crosses_with_the_overlap_before_it(worker: Worker) -> None:
    stream = Stream()
    assert sizes(ask(worker, window(stream, 6400))) == [WHOLE]
    (told,) = ask(worker, window(stream, 7040))
    assert (told.samples, told.first, told.last, told.span) == (960, 7040 - 960, 7039, WHOLE)
    assert 960 - 320 < 640 + OVERLAP <= 960  # in whole frames


def test_windows_of_one_stream_in_a_batch_follow_on_each_other(worker: Worker) -> None:
    one, other = Stream(), Stream()
    told = ask(
        worker, window(one, 6400), window(other, 8000), window(one, 6720), window(one, 7040), window(other, 8320)
    )
    assert sizes(told) == [WHOLE, WHOLE, 640, 640, 640]
    assert [(each.last, each.heard) for each in told] == [(6399, 1), (7999, 1), (6719, 2), (7039, 3), (8319, 2)]


@pytest.mark.parametrize(
    ("end", "crossing"),
    [
        (6400, 320),  # nothing is new
        (6400 + WHOLE - 320, WHOLE),
        (6400 + WHOLE - 640, WHOLE - 320),
        (6400 + WHOLE, WHOLE),  # nothing is old
        (6400 + 5 * WHOLE, WHOLE),
        (6080, WHOLE),  # a step back
    ],
)
def test_after_a_gap_the_whole_window_crosses(worker: Worker, end: int, crossing: int) -> None:
    stream = Stream()
    ask(worker, window(stream, 6400))
    (told,) = ask(worker, window(stream, end))
    assert (told.samples, told.first, told.last) == (crossing, end - crossing, end - 1)
    assert sizes(ask(worker, window(stream, end + 320))) == [640]


@pytest.mark.parametrize("end", [6400 + WHOLE - 640, 6400 + 5 * WHOLE])
def test_no_more_crosses_than_is_wanted(worker: Worker, end: int) -> None:
    stream = Stream()
    first = replace(window(stream, 6400), wanted=640)
    assert sizes(ask(worker, first)) == [960]
    assert sizes(ask(worker, replace(window(stream, end), wanted=640))) == [960]
    assert sizes(ask(worker, replace(window(stream, end + 320), wanted=640))) == [640]  # less is new


def test_a_short_window_crosses_whole_although_it_follows_on(worker: Worker) -> None:
    stream = Stream()
    ask(worker, window(stream, 6400))
    assert sizes(ask(worker, window(stream, 7040, size=640))) == [640]
    (told,) = ask(worker, window(stream, 7360, size=960))
    assert (told.samples, told.span) == (640, 960)


def test_it_is_said_of_the_whole_window_which_frames_hold_speech(worker: Worker) -> None:
    stream = Stream()
    ask(worker, window(stream, 6400))
    speech = np.array([True] * 9 + [False])
    partly = Window(0, Role.SPEAKER, 0, 6720, AUDIO[6720 - WHOLE : 6720], stream, speech)
    (told,) = ask(worker, partly, window(Stream(), 6400))[:1]
    assert (told.samples, told.speech) == (640, 9)


def test_an_empty_batch_has_no_analyses(worker: Worker) -> None:
    assert [list(model.analyse([])) for model in worker.models.values()] == [[], [], []]


def test_batches_larger_than_the_memory_go_in_parts(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [Stream() for _ in range(5)]
    batch = [window(stream, 6400 + 320 * at) for at, stream in enumerate(streams)]
    batch += [window(stream, 8000 + 320 * at) for at, stream in enumerate(streams)]
    monkeypatch.setattr(remote, "MEMORY_SAMPLES", 2 * WHOLE)
    told = ask(worker, *batch)
    assert [each.last for each in told] == [window.end_sample - 1 for window in batch]
    assert sizes(told) == [WHOLE] * 5 + [1920] * 5
    assert [each.heard for each in told] == [1] * 5 + [2] * 5


def test_streams_that_are_over_are_forgotten(worker: Worker) -> None:
    ask(worker, *[window(Stream(), 6400) for _ in range(3)])
    gc.collect()
    streams = [Stream() for _ in range(4)]
    assert max(each.streams for each in ask(worker, *[window(stream, 6400) for stream in streams])) == 4
    del streams[1:]
    gc.collect()
    (told,) = ask(worker, window(streams[0], 6720))
    assert (told.streams, told.heard) == (1, 2)


# --- a model that fails


def test_a_model_that_fails_says_why_and_its_streams_begin_anew(worker: Worker) -> None:
    one, other, bystander = Stream(), Stream(), Stream()
    ask(worker, window(one, 6400), window(other, 6400), window(bystander, 6400))
    with pytest.raises(WorkerError, match="RuntimeError: out of order"):
        ask(worker, window(one, 6720), window(other, 6720, last=BROKEN))
    told = ask(worker, window(one, 6720), window(other, 7040), window(bystander, 6720))
    assert [(each.samples, each.heard) for each in told] == [(WHOLE, 1), (WHOLE, 1), (640, 2)]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_when_a_part_of_a_batch_fails_all_its_streams_begin_anew(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    streams = [Stream() for _ in range(3)]
    ask(worker, *[window(stream, 6400) for stream in streams])
    monkeypatch.setattr(remote, "MEMORY_SAMPLES", WHOLE)
    batch = [window(stream, 12_800, last=BROKEN if at == broken else None) for at, stream in enumerate(streams)]
    with pytest.raises(WorkerError, match="out of order"):
        ask(worker, *batch)
    told = [ask(worker, window(stream, 12_800))[0] for stream in streams]
    assert [(each.samples, each.heard) for each in told] == [(WHOLE, 1)] * 3


def test_a_model_that_fails_is_asked_again(worker: Worker) -> None:
    generation = worker.generation
    for _ in range(3):
        with pytest.raises(WorkerError):
            ask(worker, window(Stream(), 6400, last=BROKEN))
        assert sizes(ask(worker, window(Stream(), 6400))) == [WHOLE]
    assert worker.generation == generation


# --- a process that dies


def test_the_batch_after_a_death_goes_whole_to_a_new_process(caplog: pytest.LogCaptureFixture) -> None:
    with working() as worker:
        old, stream, idle = worker.pid, Stream(), Stream()
        ask(worker, window(stream, 6400), window(idle, 6400))
        kill(worker)
        with pytest.raises(WorkerError, match="died"):
            ask(worker, window(stream, 6720))
        told = ask(worker, window(stream, 6720), window(idle, 6720))
        assert [(each.samples, each.heard, each.streams) for each in told] == [(WHOLE, 1, 1), (WHOLE, 1, 2)]
        assert worker.pid != old
        assert worker.generation == 2
        assert "exit status -9" in caplog.text


def test_a_polite_signal_to_all_processes_of_a_server_is_not_for_the_models() -> None:
    with working() as worker:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGTERM)
        time.sleep(0.2)
        assert sizes(ask(worker, window(Stream(), 6400))) == [WHOLE]
        assert worker.generation == 1


def test_a_death_within_a_batch_costs_that_batch() -> None:
    with working() as worker:
        with pytest.raises(WorkerError, match="died"):
            ask(worker, window(Stream(), 6400, last=DEADLY))
        assert sizes(ask(worker, window(Stream(), 6400))) == [WHOLE]


def test_several_whom_a_death_strikes_get_one_new_process() -> None:
    with working() as worker:
        stream = Stream()
        ask(worker, window(stream, 6400))
        kill(worker)
        together, outcomes = threading.Barrier(2), dict[Role, str]()

        def strike(role: Role) -> None:
            together.wait(WAIT_S)
            try:
                worker.models[role].analyse([window(stream, 6720, role)])
            except WorkerError as error:
                outcomes[role] = str(error)

        threads = [threading.Thread(target=strike, args=(role,)) for role in (Role.SPEAKER, Role.EMOTION)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert set(outcomes) == {Role.SPEAKER, Role.EMOTION}
        assert worker.generation == 2
        for role in (Role.SPEAKER, Role.EMOTION):
            assert sizes(ask(worker, window(stream, 6720, role))) == [WHOLE]
        assert worker.generation == 2


def test_what_was_meant_for_the_old_process_does_not_reach_the_new_one(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be that another model has had the process started again between two steps of this one."""
    stream, generation = Stream(), worker.generation
    ask(worker, window(stream, 6400))
    again = remote.Link(generation + 1, worker._link.lines)
    line_up = worker.models[Role.SPEAKER]._item  # type: ignore[attr-defined]

    def late(window: Window) -> object:
        worker._link = again
        return line_up(window)

    with monkeypatch.context() as patch:
        patch.setattr(worker.models[Role.SPEAKER], "_item", late)
        with pytest.raises(WorkerError, match="another one"):
            ask(worker, window(stream, 6720))
    assert sizes(ask(worker, window(stream, 6720))) == [WHOLE]
    assert worker.generation == generation + 1


def test_a_process_that_does_not_start_again_is_given_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "RETRY_S", 2.0)
    log = tmp_path / "attempts"
    worker = Worker(partial(but_not_the_second_time, log), [Role.SPEAKER])
    try:
        kill(worker)
        with pytest.raises(WorkerError, match="cannot be started again: it was there a moment ago"):
            ask(worker, window(Stream(), 6400))
        assert worker.down
        for _ in range(50):
            with pytest.raises(WorkerError, match="died"):
                ask(worker, window(Stream(), 6400))
        assert log.read_text() == "xx"
        time.sleep(2.0)
        with pytest.raises(WorkerError, match="died"):
            ask(worker, window(Stream(), 6400))
        assert sizes(ask(worker, window(Stream(), 6400))) == [WHOLE]
        assert (log.read_text(), worker.generation, worker.down) == ("xxx", 2, False)
    finally:
        worker.close()


def test_of_the_models_that_are_loaded_only_those_asked_for_are_served() -> None:
    worker = Worker(telling, [Role.EMOTION])
    try:
        assert list(worker.models) == [Role.EMOTION]
        assert sizes(ask(worker, window(Stream(), 6400, Role.EMOTION))) == [WHOLE]
    finally:
        worker.close()


# --- a process that does not start, or ends


@pytest.fixture
def memories(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the shared memories that are made."""
    names: list[str] = []

    def made(*, create: bool, size: int) -> SharedMemory:
        memory = SharedMemory(create=create, size=size)
        names.append(memory.name)
        return memory

    monkeypatch.setattr(remote, "SharedMemory", made)
    return names


def gone(names: list[str]) -> bool:
    """Whether none of so named memories is there; names are needed to see that."""
    for name in names:
        with pytest.raises(FileNotFoundError):
            SharedMemory(name)
    return bool(names)


@pytest.mark.parametrize(
    ("load", "error", "says"),
    [
        (partial(damaged, "weights.safetensors: is damaged"), CheckpointError, "^weights.safetensors: is damaged$"),
        (dying, WorkerError, "did not start: it said nothing"),
        (failing, WorkerError, "did not start: TwoPartError: this and that"),
        (dict, WorkerError, "did not start: KeyError"),
    ],
    ids=["a damaged checkpoint", "a death", "another exception", "no such model"],
)
def test_a_process_that_does_not_start_says_why_and_leaves_nothing_behind(
    memories: list[str], load: Callable[[], Models], error: type[Exception], says: str
) -> None:
    before = active_children()
    with pytest.raises(error, match=says):
        Worker(load, [Role.SPEAKER])
    assert active_children() == before
    assert gone(memories)


def test_what_cannot_be_sent_to_a_process_leaves_nothing_behind(memories: list[str]) -> None:
    before = active_children()
    with pytest.raises(Exception, match="pickle"):
        Worker(lambda: {}, [Role.SPEAKER])
    assert active_children() == before
    assert gone(memories)


def test_closing_leaves_no_process_and_no_shared_memory_behind(memories: list[str]) -> None:
    worker = Worker(telling, list(Role))
    stream = Stream()
    ask(worker, window(stream, 6400))
    pid = worker.pid
    assert pid in [child.pid for child in active_children()]
    worker.close()
    assert pid not in [child.pid for child in active_children()]
    assert len(memories) == 3
    assert gone(memories)
    worker.close()
    with pytest.raises(WorkerError, match="closed"):
        ask(worker, window(stream, 6720))
    assert worker.generation == 0


def test_an_error_that_somebody_keeps_does_not_keep_the_memory() -> None:
    with working() as worker, pytest.raises(WorkerError) as kept:
        ask(worker, window(Stream(), 6400, last=BROKEN))
    assert kept.tb is not None
    assert all(memory._mmap is None for memory in worker._memories.values())  # type: ignore[attr-defined]


def test_closing_does_not_wait_for_what_is_under_way(memories: list[str]) -> None:
    with working() as worker:
        failed: list[str] = []

        def wait() -> None:
            try:
                ask(worker, window(Stream(), 6400, last=SLOW))
            except WorkerError as error:
                failed.append(str(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        worker.close()
        waiting.join(5)
        assert not waiting.is_alive()
        assert len(failed) == 1
        assert gone(memories)


def test_a_large_model_does_not_hold_up_the_others() -> None:
    worker = Worker(large, list(Role))

    def wait() -> None:
        with suppress(WorkerError):
            ask(worker, window(Stream(), 6400, Role.EMOTION, last=SLOW))

    try:
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        (told,) = worker.models[Role.SPEECH].analyse([window(Stream(), 6400, Role.SPEECH)])
        assert isinstance(told, SpeechAnalysis)
        assert waiting.is_alive()
    finally:
        worker.close()
    waiting.join(WAIT_S)


def test_it_is_told_for_how_long_each_thread_has_worked() -> None:
    """The large model has a thread of its own, and takes a tenth of a second for any window."""
    worker = Worker(large, list(Role))
    try:
        assert worker.busy_s == [0.0, 0.0]
        ask(worker, window(Stream(), 6400))
        shared_s, own_s = worker.busy_s
        assert 0.0 < shared_s < SLOW_S
        assert own_s == 0.0
        for _ in range(2):
            ask(worker, window(Stream(), 6400, Role.EMOTION))
        assert worker.busy_s[0] == shared_s
        assert worker.busy_s[1] >= 4 * SLOW_S
    finally:
        worker.close()


def test_a_batch_that_failed_has_cost_time_too() -> None:
    with working() as worker:
        with pytest.raises(WorkerError):
            ask(worker, window(Stream(), 6400, last=BROKEN))
        assert worker.busy_s[0] > 0.0


# --- the models that ship with Undertone


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[Models, Models]]:
    """The embedded models in this process, and in another."""
    threads = torch.get_num_threads()
    here = embedded()
    there = Worker(embedded, list(Role))
    yield here, there.models
    there.close()
    torch.set_num_threads(threads)


class Calls:
    """Calls whose windows come in batches as those of a server do: some are skipped, some come several at once."""

    def __init__(self, models: Models, seed: int, audio: Sequence[Samples]) -> None:
        self._random = np.random.default_rng(seed)
        endpointing = EndpointingConfig("cascade")
        self._sessions = [
            Session("call", ("mixed",), specs(models), transport="test", endpointing=endpointing) for _ in audio
        ]
        self._audio = [np.copy(each) for each in audio]

    def batches(self, longest_s: float) -> Iterator[list[Window]]:
        """Batches of one role each; in every turn a call has up to `longest_s` of audio, or loses some."""
        while any(len(audio) for audio in self._audio):
            for number, (session, audio) in enumerate(zip(self._sessions, self._audio, strict=True)):
                count = int(16_000 * self._random.uniform(0.05, longest_s))
                if self._random.random() < 0.05:
                    session.receive_gap(0, 4 * count)
                session.receive_audio(0, audio[:count])
                self._audio[number] = audio[count:]
            yield from self._due()
        for session in self._sessions:
            session.finish("finished")
        yield from self._due()

    def _due(self) -> Iterator[list[Window]]:
        while waiting := [(session, window) for session in self._sessions for window in session.take_windows()]:
            for role in (Role.SPEECH, Role.EMOTION, Role.SPEAKER):
                batch = [window for _, window in waiting if window.role is role and self._random.random() > 0.15]
                if batch:
                    yield batch
            for session, window in waiting:
                session.receive_analysis(
                    window.number, answer(window) if window.role is Role.SPEECH else Missing.SKIPPED
                )


def assert_same(one: Analysis, other: Analysis) -> None:
    if isinstance(one, SpeechAnalysis):
        assert one == other
    elif isinstance(one, EmotionAnalysis):
        assert isinstance(other, EmotionAnalysis)
        assert one.first == other.first
        np.testing.assert_allclose(other.logits, one.logits, rtol=0, atol=1e-5)
        np.testing.assert_allclose(other.arousal, one.arousal, rtol=0, atol=1e-5)
    else:
        assert isinstance(one, SpeakerAnalysis)
        assert isinstance(other, SpeakerAnalysis)
        np.testing.assert_allclose(other.embedding, one.embedding, rtol=0, atol=1e-5)


def voices() -> list[Samples]:
    whole = conversation()
    return [np.roll(whole, turn) for turn in (0, 100_000, 250_000)]


@pytest.mark.parametrize(("longest_s", "memory_samples"), [(0.3, None), (2.5, None), (2.5, 60_000)])
def test_the_embedded_models_say_the_same_in_another_process(
    real: tuple[Models, Models], monkeypatch: pytest.MonkeyPatch, longest_s: float, memory_samples: int | None
) -> None:
    if memory_samples is not None:
        monkeypatch.setattr(remote, "MEMORY_SAMPLES", memory_samples)
    here, there = real
    seen: dict[str, int] = dict.fromkeys(["runs", "short", "several at once", *Role], 0)
    for batch in Calls(here, round(10 * longest_s), voices()).batches(longest_s):
        role = batch[0].role
        expected, came_back = here[role].analyse(batch), there[role].analyse(batch)
        assert len(expected) == len(came_back)
        for one, other in zip(expected, came_back, strict=True):
            assert_same(one, other)
        seen[role] += len(batch)
        seen["several at once"] += len({window.stream for window in batch}) < len(batch)
        seen["short"] += sum(len(window.samples) < here[role].spec.window_samples for window in batch)
        seen["runs"] += sum(len(window.samples) > here[role].spec.window_samples for window in batch)
    assert min(seen[role] for role in Role) > 40
    assert seen["short"] > 5
    assert seen["runs"] > 20
    assert seen["several at once"] > 5


def test_a_comparison_with_other_audio_would_fail(real: tuple[Models, Models]) -> None:
    here, there = real
    streams = {role: Stream() for role in Role}
    for batch in Calls(here, 0, voices()[:1]).batches(1.0):
        role = batch[0].role
        samples = batch[0].samples
        if role is Role.SPEAKER and len(samples) == here[role].spec.window_samples:
            one, other = (
                models[role].analyse([Window(0, role, 0, 80_000, audio, streams[role])])[0]
                for models, audio in ((here, samples), (there, samples[::-1].copy()))
            )
            with pytest.raises(AssertionError):
                assert_same(one, other)
            return
    pytest.fail("there was no such window")
