"""Callers who are refused and callers who do not read, against a real server with scripted models."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from benchmarks import load as loads
from benchmarks import overload
from benchmarks.deaf import Deaf, Fate, Ward
from benchmarks.load import Load
from benchmarks.overload import CALLS, twice
from benchmarks.scripts import Form, Script
from benchmarks.storm import STORM, Watch
from stream_server.live import pressure, streaming
from tests.scripted import conversation
from tests.stream_server.serving import serving, until

FORM = Form()
SCRIPT = Script.of(FORM.encode(conversation()[None, : 2 * 16_000]), FORM)


async def test_a_refused_caller_tries_again_when_it_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "RETRY_S", 1)
    monkeypatch.setattr(loads, "RETRY_SPREAD", 0.0)
    async with serving() as served:
        answers = {"now": "too much to do"}
        monkeypatch.setattr(served.engine.pressure, "refusal", lambda now_s, calls: answers.get("now"))
        load = Load(FORM.wire.url(served.http, **FORM.query), [SCRIPT], 0.0)
        load.resize(3, 0.1)
        await until(lambda: load.record.refusals.total() >= 3)
        record = load.take_record()
        assert (set(record.refusals), load.admitted, load.size) == ({"server.busy"}, 0, 3)
        answers.clear()
        await until(lambda: load.admitted == 3)
        await load.close(5.0)


async def test_seconds_of_a_load_are_sampled() -> None:
    async with serving() as served:
        load = Load(FORM.wire.url(served.http, **FORM.query), [SCRIPT], 0.0)
        watch = Watch(load, served.http, os.getpid())
        listening = asyncio.create_task(watch.listen())
        await watch.hold(STORM, 2, 0.1, 3.0)
        listening.cancel()
        await load.close(5.0)
    assert len(watch.seconds) == 3
    assert max(one.held for one in watch.seconds) == 2
    assert sum(one.emotions for one in watch.seconds) == len(watch.records[STORM].lag_ms) >= 2
    assert watch.seconds[-1].hop_factor == 1.0
    assert watch.seconds[-1].rss_mb > 1.0


async def test_a_caller_that_stops_reading_is_cut_off_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SEND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(streaming, "CLOSE_TIMEOUT_S", 0.1)
    async with serving(narrow=True, outbox_events=16) as served:
        ward = Ward(FORM.wire.url(served.http, **FORM.query), [hasty(SCRIPT)], 1)
        await ward.call()
        await until(lambda: ward.fates[0].started)
        ward.go_deaf()
        await until(lambda: not list(served.engine.book.live()), 30)
        await ward.look(2.0)
    assert ward.fates[0].gone or ward.fates[0].close is not None
    assert sum(ward.became().values()) == 1


def hasty(script: Script) -> Script:
    """The same at fifty times the pace."""
    return Script(script.messages, [end_s / 50 for end_s in script.ends_s])


async def test_a_caller_that_reads_again_in_time_is_not_cut_off() -> None:
    async with serving() as served:
        caller = Deaf(FORM.wire.url(served.http, **FORM.query), SCRIPT)
        await caller.call()
        await until(lambda: caller.fate.started)
        caller.go_deaf()
        await asyncio.sleep(0.3)
        caller.listen()
        await until(lambda: caller.fate.events > 1)
        await caller.hang_up()
    assert str(caller.fate) == "not cut off"
    assert caller.fate.left_out == 0


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (Fate(), "never let in"),
        (Fate(started=True), "not cut off"),
        (Fate(started=True, gone=True), "cut without a close without call.ended"),
        (
            Fate(started=True, ended="client.too_slow", close=1008, gone=True),
            "closed with 1008 after call.ended client.too_slow",
        ),
    ],
)
def test_ends_have_words(fate: Fate, words: str) -> None:
    assert str(fate) == words


def test_a_storm_wants_twice_what_was_found(tmp_path: Path) -> None:
    figures = tmp_path / "capacity.json"
    rows = [{"key": "i", "most_calls": None}, {"key": "ii", "most_calls": 457}]
    figures.write_text(json.dumps({"rows": rows}), "utf-8")
    assert twice(figures) == 914
    figures.write_text(json.dumps({"rows": rows[:1]}), "utf-8")
    assert twice(figures) == twice(None) == CALLS


def test_figures_that_cannot_be_read_are_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "capacity.json"
    figures.write_text("{", "utf-8")
    assert overload.main(["--figures", str(figures)]) == 1
    assert "overload: " in capsys.readouterr().err
