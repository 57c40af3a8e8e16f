"""Both clients against a real server: the same questions, the same answers, the same errors."""

from __future__ import annotations

import asyncio
import inspect
import re
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from inference.model import Models
from monitor.events import CallEnded, CallStarted, Emotion, Event
from tests.scripted import conversation
from tests.stream_server.serving import Served, pcm, serving
from tests.stream_server.working import Stepped, meddled, shipped, working
from tests.workbench.sounds import emodb
from undertone_client import AsyncClient, Client, UndertoneError, asking
from undertone_client.asking import Question, error_of
from workbench.clusters import Method
from workbench.exchange import VoiceprintDocument
from workbench.library import Kind
from workbench.maps import Projection
from workbench.verification import Purpose

DOCS = Path(__file__).resolve().parents[2] / "docs"


@asynccontextmanager
async def asked(tmp_path: Path, *crews: Models) -> AsyncIterator[tuple[Served, AsyncClient]]:
    (tmp_path / "jobs").mkdir()
    async with (
        working(tmp_path / "jobs", history_url=f"sqlite:///{tmp_path}/kept.sqlite3", crews=crews) as served,
        AsyncClient(served.http) as client,
    ):
        yield served, client


def voices(recordings: Path, speaker: str) -> list[Path]:
    return sorted((recordings / "speakers" / "librispeech").glob(f"librispeech_test-other__{speaker}__*"))


async def test_recordings_are_predicted_from_paths_and_from_memory(recordings: Path, tmp_path: Path) -> None:
    angry, calm = emodb(recordings), emodb(recordings, "03a01Nc")
    async with asked(tmp_path) as (served, client):
        found = await client.predict(angry, ("calm.flac", calm.read_bytes()), ("bad.wav", b"no"))
        labels = {each.file: each.emotion and each.emotion.label for each in found}
        assert labels == {angry.as_posix().lstrip("/"): "angry", "calm.flac": "neutral", "bad.wav": None}

        def waiting() -> list[str | None]:
            with Client(served.http) as client:
                return [each.emotion and each.emotion.label for each in client.predict(str(angry))]

        assert await asyncio.to_thread(waiting) == ["angry"]


async def test_embeddings_come_as_arrays(recordings: Path, tmp_path: Path) -> None:
    async with asked(tmp_path) as (served, client):
        (one,) = await client.embed(emodb(recordings))
        assert one.rows[0].shape == (1, 96)
        (voice,) = await client.embed(emodb(recordings), kind="speaker")
        assert voice.rows[0].shape == (1, 160)
        (frames,) = await client.embed(emodb(recordings), granularity="frame")
        assert frames.rows[0].shape[0] > 50

        def waiting() -> bool:
            with Client(served.http) as client:
                (same,) = client.embed(emodb(recordings))
            return bool((same.rows[0] == one.rows[0]).all())

        assert await asyncio.to_thread(waiting)


async def test_a_job_is_begun_read_to_its_end_and_deleted(recordings: Path, tmp_path: Path) -> None:
    async with asked(tmp_path) as (served, client):
        job = await client.begin(*[emodb(recordings)] * 3, embeddings=True)
        assert [each.status async for each in client.results(job.job_id)] == ["done"] * 3
        assert (await client.job(job.job_id)).done == 3
        assert (await client.file(job.job_id, "results.csv")).startswith(b"file,status")

        def waiting() -> list[str]:
            with Client(served.http) as client:
                told = [each.status for each in client.results(job.job_id)]
                assert [each.job_id for each in client.jobs()] == [job.job_id]
                client.delete(job.job_id)
                return told

        assert await asyncio.to_thread(waiting) == ["done"] * 3
        with pytest.raises(UndertoneError, match=r"job\.not_found") as error:
            await client.job(job.job_id)
        assert (error.value.code, error.value.status) == ("job.not_found", 404)


async def test_a_job_that_is_stopped_says_so_to_who_reads_its_results(recordings: Path, tmp_path: Path) -> None:
    stepped = Stepped()
    (tmp_path / "jobs").mkdir()
    async with working(tmp_path / "jobs", lambda: meddled(stepped)) as served, AsyncClient(served.http) as client:
        long = recordings / "conversations" / "two_speakers_30s.flac"
        job = await client.begin(long)
        await asyncio.to_thread(stepped.asked.wait)
        assert (await stepped.until(asyncio.create_task(client.stop(job.job_id)))).state == "stopped"
        with pytest.raises(UndertoneError, match="it was stopped"):
            [each async for each in client.results(job.job_id)]
        stepped.free()


async def test_more_recordings_are_sent_than_files_may_be_open(recordings: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = [tmp_path / f"{number}.wav" for number in range(300)]
    for each in files:
        each.write_bytes(b"no sound")
    async with asked(tmp_path) as (served, client):
        await client.predict(("warm.wav", b"no"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (250, hard))
        try:
            assert (await client.begin(*files)).recordings == 300

            def waiting() -> int:
                with Client(served.http) as client:
                    return client.begin(*files).recordings

            assert await asyncio.to_thread(waiting) == 300
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_file_that_is_not_there_is_noticed_before_anything_is_sent(tmp_path: Path) -> None:
    async with AsyncClient("http://localhost:1") as client:
        with pytest.raises(FileNotFoundError):
            await client.predict(tmp_path / "nowhere.wav")


async def test_names_arrive_as_they_are(tmp_path: Path) -> None:
    names = {'say "no".wav', "录音.wav", "a=b; c.wav"}
    async with asked(tmp_path) as (_, client):
        assert {each.file for each in await client.predict(*[(name, b"no") for name in names])} == names


async def test_voiceprints_move_from_one_server_to_another(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    async with asked(tmp_path / "one", shipped()) as (_, client):
        await client.enroll("Ann", *voices(recordings, "1688")[:3], consent="to be greeted", days=30)
        document = await client.export_voices()
    assert [each.name for each in document.voiceprints] == ["Ann"]
    async with asked(tmp_path / "other", shipped()) as (served, client):
        assert (await client.import_voices(document)).added == ("Ann",)
        assert (await client.import_voices(document)).added == ()

        def waiting() -> VoiceprintDocument:
            with Client(served.http) as client:
                assert client.import_voices(document, replace=True).added == ("Ann",)
                return client.export_voices()

        again = await asyncio.to_thread(waiting)
    assert [each.vector for each in again.voiceprints] == [each.vector for each in document.voiceprints]


async def test_voices_are_verified_enrolled_identified_and_forgotten(recordings: Path, tmp_path: Path) -> None:
    own = voices(recordings, "1688")
    async with asked(tmp_path) as (_, client):
        told = await client.verify(*own[:2], purpose=Purpose.GROUPING)
        assert told.verification.pairs[0].probability > 0.5
        await client.enroll("Ann / Lee", *own[:3], consent="to be greeted", days=30)
        assert [each.name for each in await client.voices()] == ["Ann / Lee"]
        assert (await client.identify(own[3])).identifications[0].name == "Ann / Lee"
        await client.rename("Ann / Lee", "Ann")
        await client.forget("Ann")
        assert await client.voices() == []
        await client.forget(None)


async def test_embeddings_are_kept_searched_grouped_and_compared(recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="groups need the extra workbench")
    angry = sorted((recordings / "emotion" / "emodb").glob("*Wa.flac"))[:4]
    calm = sorted((recordings / "emotion" / "emodb").glob("*Na.flac"))[:4]
    assert angry
    async with asked(tmp_path) as (_, client):
        kept = (await client.keep(*angry, *calm, kind=Kind.EMOTION)).kept
        assert (await client.library(Kind.EMOTION)).popitem()[1] == kept
        assert (await client.search(("again.flac", angry[0].read_bytes()), kind=Kind.EMOTION, count=1)).hits[
            0
        ].source == kept[0]
        assert (await client.search(source=kept[0], kind=Kind.EMOTION, count=1)).hits[0].source in kept[1:4]
        told = await client.cluster(kind=Kind.EMOTION, count=2, projection=Projection.PCA)
        assert {item.group for item in told.items} == {0, 1}
        assert len((await client.cluster(kind=Kind.EMOTION, count=2, sources=kept[2:6])).items) == 4
        assert (await client.export(kind=Kind.EMOTION, count=2)).startswith(b"PK")
        assert (await client.compare(kept[:4], kept[4:], kind=Kind.EMOTION)).score < 1
        await client.unkeep(None, Kind.EMOTION)
        assert await client.library(Kind.EMOTION) == {}


async def test_a_live_call_is_made_by_both() -> None:
    audio = pcm(conversation()[: 16_000 * 4])
    async with serving() as served:
        async with AsyncClient(served.http) as client, client.call(call_id="one") as call:
            await call.configure({"team": "north"})
            await call.send(audio)
            await call.finish()
            heard: list[Event] = [event async for event in call]

        def waiting() -> list[Event]:
            with Client(served.http) as client, client.call(roles=("customer", "agent"), call_id="two") as call:
                call.configure({"team": "south"})
                call.send(audio)
                call.finish()
                return list(call)

        both = [heard, await asyncio.to_thread(waiting)]
        assert (await served.call("two"))["tags"] == {"team": "south"}
    for events in both:
        assert isinstance(events[0], CallStarted)
        assert isinstance(events[-1], CallEnded)
        assert any(isinstance(event, Emotion) for event in events)


async def test_what_is_refused_says_why_and_when_to_try_again() -> None:
    async with serving() as served, AsyncClient(served.http) as client:
        with pytest.raises(UndertoneError) as error:
            await client.predict(("a.wav", b""), granularity="word")
        assert error.value.code == "request.invalid"
        with pytest.raises(UndertoneError, match=r"history\.unavailable"):
            await client.voices()


async def test_an_answer_of_something_else_is_no_answer() -> None:
    async with serving() as served, AsyncClient(f"{served.http}/docs") as client:
        with pytest.raises(UndertoneError) as error:
            await client.jobs()
        assert error.value.status == 404


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, None), ("10", 10.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_what_a_proxy_answers_is_an_error_too(retry_after: str | None, seconds: float | None) -> None:
    error = error_of(502, b"<html>Bad Gateway</html>", retry_after)
    assert (error.status, error.retry_after_s) == (502, seconds)


RECORDING = ("a.wav", b"no")
ASKED: dict[str, Callable[[Any], Any]] = {
    "predict": lambda client: client.predict(RECORDING, granularity="frame", roles=("customer", "agent")),
    "embed": lambda client: client.embed(RECORDING, granularity="turn", every_frame=True),
    "begin": lambda client: client.begin(RECORDING, kind="speaker", embeddings=True, speakers=True),
    "jobs": lambda client: client.jobs(),
    "job": lambda client: client.job("a/b"),
    "results": lambda client: client.results("1"),
    "file": lambda client: client.file("1", "embeddings/a b.npy"),
    "stop": lambda client: client.stop("1"),
    "delete": lambda client: client.delete("1"),
    "verify": lambda client: client.verify(RECORDING, RECORDING, purpose=Purpose.ACCESS, prior=0.0),
    "enroll": lambda client: client.enroll("Ann", RECORDING, consent="c", days=1, note="n", replace=True),
    "identify": lambda client: client.identify(RECORDING),
    "voices": lambda client: client.voices(),
    "rename": lambda client: client.rename("Ann", "Bea"),
    "forget": lambda client: client.forget("Ann"),
    "export_voices": lambda client: client.export_voices(),
    "import_voices": lambda client: client.import_voices({}, replace=True),
    "keep": lambda client: client.keep(RECORDING, kind=Kind.EMOTION),
    "library": lambda client: client.library(Kind.EMOTION),
    "unkeep": lambda client: client.unkeep("a.wav", Kind.EMOTION),
    "search": lambda client: client.search(RECORDING, kind=Kind.EMOTION, count=3),
    "cluster": lambda client: client.cluster(method=Method.HDBSCAN, projection=Projection.TSNE, sources=["a", "b"]),
    "export": lambda client: client.export(kind=Kind.EMOTION, count=3, dimensions=2, sources=["a.wav"]),
    "compare": lambda client: client.compare(["a"], ["b"], kind=Kind.EMOTION),
}


class _AskedError(Exception):
    """Carries the question."""


def told(question: Question[Any]) -> tuple[object, ...]:
    return question.method, question.address, tuple(question.recordings), question.body


@pytest.mark.parametrize("name", ASKED)
async def test_both_clients_ask_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def caught(_: object, question: Question[Any]) -> None:
        raise _AskedError(question)

    monkeypatch.setattr(Client, "_ask", caught)
    monkeypatch.setattr(AsyncClient, "_ask", caught)
    with Client() as client, pytest.raises(_AskedError) as waiting:
        list(ASKED[name](client))
    async with AsyncClient() as client:
        found = ASKED[name](client)
        with pytest.raises(_AskedError) as awaiting:
            await (anext(found) if name == "results" else found)
    assert told(waiting.value.args[0]) == told(awaiting.value.args[0])


def test_every_question_is_among_those() -> None:
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"close", "call"} == set(ASKED)


def test_what_is_nothing_is_asked_for_all_the_same() -> None:
    """0 is not left out like what is not given: the server says what it thinks of it."""
    assert asking.verify([RECORDING], Purpose.ACCESS, 0.0).address == "/v1/verify?purpose=access&prior=0.0"


def test_what_cannot_be_asked_of_recordings_is_a_mistake_at_once() -> None:
    with Client() as client, pytest.raises(TypeError, match="granularitty is not one of granularity, "):
        client.predict(RECORDING, granularitty="frame")  # type: ignore[call-arg]


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(each).parameters) for name, each in members if not name.startswith("__")}

    assert methods(Client) == methods(AsyncClient)


async def test_the_program_in_the_documentation_runs(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(
        r"```python\n(from undertone_client.*?)```", (DOCS / "workbench.md").read_text("utf-8"), re.DOTALL
    )
    async with asked(tmp_path) as (served, _):
        there = program.replace("http://localhost:8000", served.http).replace("call.m4a", str(emodb(recordings)))
        await asyncio.to_thread(exec, compile(there, "workbench.md", "exec"), {})
    assert "angry" in capsys.readouterr().out
