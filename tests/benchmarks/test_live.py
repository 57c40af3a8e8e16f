"""A load against real sockets: a scripted server, the sink, and onlookers of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import Pipe

import pytest

from benchmarks.audience import Count, attend
from benchmarks.likeness import Reference
from benchmarks.line import Record
from benchmarks.live import main, server_settings
from benchmarks.load import Load
from benchmarks.scripts import Form, Script, reference
from benchmarks.sink import listen
from stream_server.settings import Settings, SettingsError
from tests.scripted import conversation
from tests.stream_server.serving import scripted_models, serving, until

FORM = Form()
SPEECH = FORM.encode(conversation()[None, : 2 * 16_000])
OTHER = FORM.encode(conversation()[None, 3 * 16_000 : 5 * 16_000])


def expected(data: bytes) -> Reference:
    return reference(data, FORM, Settings(), scripted_models())


@asynccontextmanager
async def loading(url: str, script: Script, calls: int) -> AsyncIterator[Load]:
    load = Load(FORM.wire.url(url, **FORM.query), [script], 0.02)
    load.resize(calls, 0.2)
    try:
        yield load
    finally:
        await load.close(5.0)


async def held(url: str, script: Script, calls: int) -> Record:
    """What happened until `calls` calls, all at once and with `script`, had ended."""
    async with loading(url, script, calls) as load:
        await until(lambda: load.record.ended >= calls, 60)
        return load.take_record()


async def test_live_calls_say_what_their_reference_does_and_others_are_found_out() -> None:
    async with serving() as served:
        right, wrong = await asyncio.gather(
            held(served.http, Script.of(SPEECH, FORM, expected(SPEECH)), 4),
            held(served.http, Script.of(SPEECH, FORM, expected(OTHER)), 2),
        )
    assert right.findings.words == []
    assert right.findings.compared >= 4 * expected(SPEECH).count
    assert len(right.lag_ms) >= 4 * 3
    assert min(right.lag_ms) > 0.0
    assert (right.errors, right.refusals) == ({}, {})
    assert wrong.findings.missing + wrong.findings.different > 0


async def test_a_call_follows_the_one_that_ended_until_the_load_is_closed() -> None:
    async with serving() as served:
        async with loading(served.http, Script.of(SPEECH[:6400], FORM), 2) as load:
            await until(lambda: load.record.ended >= 4, 60)
        await until(lambda: not list(served.engine.book.live()))
        assert load.take_record().errors == {}


async def test_a_server_that_takes_no_calls_yet_is_a_refusal() -> None:
    async with serving() as served:
        served.engine.draining = True
        async with loading(served.http, Script.of(SPEECH, FORM), 2) as load:
            await until(lambda: load.record.refusals.total() >= 2)
            record = load.take_record()
        served.engine.draining = False
    assert set(record.refusals) == {"server.stopping"}
    assert record.errors == {}


async def test_the_sink_hears_calls_out() -> None:
    ours, theirs = Pipe()
    listening = asyncio.create_task(listen(theirs))
    await until(ours.poll)
    record = await held(f"http://127.0.0.1:{ours.recv()}", Script.of(SPEECH[:32_000], FORM), 3)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    ours.close()
    theirs.close()
    assert record.errors == {}
    assert len(record.late_ms) >= 3 * 10


async def test_onlookers_count_what_they_read() -> None:
    ours, theirs = Pipe()

    async def count() -> Count:
        await until(ours.poll)
        return ours.recv()

    async with serving() as served:
        attending = asyncio.create_task(attend(theirs, served.http, 3))
        at_first = await count()
        assert (at_first.present, at_first.messages) == (3, 0)
        await held(served.http, Script.of(SPEECH[:32_000], FORM), 2)
        ours.send(None)
        read = await count()
        ours.close()
        await attending
    theirs.close()
    assert read.present == 3
    assert read.messages >= 3 * 2
    assert read.faults == 0


def test_flags_of_the_server_are_settings_of_the_replay() -> None:
    settings = server_settings(["--vad.backend", "webrtcvad", "--port=0", "--monitor.hop-s=1"])
    assert (settings.vad.backend, settings.server.port, settings.monitor.hop_s) == ("webrtcvad", 0, 1.0)
    with pytest.raises(SettingsError, match="--nonsense"):
        server_settings(["--nonsense"])


def test_what_cannot_be_run_is_said_with_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--compare-subscribers"]) == 1
    assert main(["--recording", "nowhere.flac", "--sink"]) == 1
    said = capsys.readouterr().err
    assert "needs --subscribers" in said
    assert "nowhere.flac: there is no such file" in said
