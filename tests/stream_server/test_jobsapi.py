"""Work on recordings over REST: predict, embed, jobs, their files, and what happens when it is too much."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import resource
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from filelock import FileLock

from inference.model import CheckpointError
from monitor.analysis import Window
from stream_server.jobs import jobs
from stream_server.jobs.folder import PREFIX, JobFolder
from stream_server.jobs.worker import TaskError
from tests.stream_server.serving import Served, serving, until
from tests.stream_server.working import Held, Killed, Refusing, Stepped, found, meddled, upload, working
from tests.workbench.sounds import emodb
from workbench.sentences import say

Recording = tuple[str, bytes]


@pytest.fixture
def angry(recordings: Path) -> Recording:
    return "calls/angry.flac", emodb(recordings).read_bytes()


@pytest.fixture
def long(recordings: Path) -> Recording:
    """Half a minute: ten blocks."""
    return "long.flac", (recordings / "conversations" / "two_speakers_30s.flac").read_bytes()


@pytest.fixture
def calm(recordings: Path) -> Recording:
    return "calm.flac", emodb(recordings, "03a01Nc").read_bytes()


async def over(served: Served, job_id: str) -> dict[str, Any]:
    """A job once it is over."""
    async with asyncio.timeout(60):
        while (job := await served.ask(f"/v1/jobs/{job_id}"))["state"] not in ("done", "failed"):
            await asyncio.sleep(0.02)
    return job


def first_to_go(pid: int | None) -> bool:
    """Whether the kernel takes memory from this process before it takes any from others."""
    return Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii") == "1000\n"


async def file(served: Served, job_id: str, name: str) -> bytes:
    answer = await served.get(f"/v1/jobs/{job_id}/files/{name}")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_one_recording_is_predicted_and_its_embedding_fetched(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        answer = await upload(served, "/v1/predict?embeddings=true", angry)
        said = answer.json()
        (result,) = said["results"]
        assert (answer.status_code, said["job"]["state"], said["next"]) == (200, "done", None)
        assert (result["file"], result["status"], result["emotion"]["label"]) == ("calls/angry.flac", "done", "angry")
        assert result["embeddings"][0]["sound"]
        job_id, name = said["job"]["job_id"], result["embeddings"][0]["file"]
        assert np.load(io.BytesIO(await file(served, job_id, name))).shape == (1, 96)
        document = json.loads(await file(served, job_id, "result.json"))
        assert document["emotion"] == "angry"
        assert said["job"]["files"] == ["embedding.npy", "result.json", "results.jsonl"]


async def test_voices_are_embedded_as_on_the_command_line(angry: Recording, calm: Recording, tmp_path: Path) -> None:
    bad = ("bad.mp3", b"words, not sounds\n" * 100)
    async with working(tmp_path) as served:
        said = (await upload(served, "/v1/embed?kind=speaker", angry)).json()
        (line,) = said["results"]
        assert (said["job"]["kind"], said["job"]["files"]) == (
            "speaker", ["embedding.npy", "result.json", "results.jsonl"],
        )  # fmt: skip
        assert (line["status"], line["model"]) == ("done", "undertone-speaker-small")
        assert line["quality"]["speech_s"] > 1
        vector = np.load(io.BytesIO(await file(served, said["job"]["job_id"], "embedding.npy")))
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        begun = await upload(served, "/v1/jobs?kind=speaker", angry, bad, calm)
        job = await over(served, begun.json()["job_id"])
        assert (job["state"], job["done"], job["failed"], job["share"]) == ("done", 2, 1, 1.0)
        lines = (await served.ask(f"/v1/jobs/{job['job_id']}/results"))["results"]
        assert {each["file"]: each["failure"] and each["failure"]["code"] for each in lines} == {
            "calls/angry.flac": None, "bad.mp3": "not_audio", "calm.flac": None,
        }  # fmt: skip
        again = np.load(io.BytesIO(await file(served, job["job_id"], "embeddings/calls/angry.npy")))
        assert again @ vector == pytest.approx(1, abs=1e-4)
        refused = await upload(served, "/v1/embed?kind=speaker&granularity=frame", angry)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")


async def test_one_bad_recording_spoils_none_of_the_others(angry: Recording, calm: Recording, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        bad = ("bad.mp3", b"words, not sounds\n" * 100)
        said = (await upload(served, "/v1/predict", angry, bad, calm)).json()
        results = {result["file"]: result for result in said["results"]}
        assert results["bad.mp3"]["failure"]["code"] == "not_audio"
        assert results["calm.flac"]["emotion"]["label"] == "neutral"
        assert (said["job"]["recordings"], said["job"]["done"], said["job"]["failed"]) == (3, 2, 1)


async def test_two_recordings_of_a_name_have_two_results(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        said = (await upload(served, "/v1/embed", angry, angry)).json()
        assert {result["file"] for result in said["results"]} == {"calls/angry.flac", "calls/angry (2).flac"}
        files = {result["embeddings"][0]["file"] for result in said["results"]}
        assert files == {"embeddings/calls/angry.npy", "embeddings/calls/angry (2).npy"}


async def test_turns_frames_and_speakers_are_asked_for_by_query(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        (frames,) = (await upload(served, "/v1/predict?granularity=frame", angry)).json()["results"]
        assert len(frames["frames"][0]["scores"]) > 90
        refused = await upload(served, "/v1/predict?granularity=word", angry)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")
        refused = await upload(served, "/v1/predict?roles=customer,agent", angry)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "stream.roles_invalid")
        (one,) = (await upload(served, "/v1/predict?channels=2&roles=customer,agent", angry)).json()["results"]
        assert one["failure"]["code"] == "wrong_channels"


async def test_a_job_is_read_page_by_page_and_its_table_is_there(
    angry: Recording, calm: Recording, tmp_path: Path
) -> None:
    async with working(tmp_path) as served:
        begun = await upload(served, "/v1/jobs", *[angry, calm] * 3)
        assert (begun.status_code, begun.headers["location"]) == (202, f"/v1/jobs/{begun.json()['job_id']}")
        job = await over(served, begun.json()["job_id"])
        assert (job["done"], job["remaining_s"]) == (6, 0)
        pages, after = [], "0"
        while after is not None:
            page = await served.ask(f"/v1/jobs/{job['job_id']}/results", limit=4, after=after)
            pages.append(len(page["results"]))
            after = page["next"]
        assert pages == [4, 2]
        table = (await file(served, job["job_id"], "results.csv")).decode().splitlines()
        assert len(table) == 7
        assert (await served.get(f"/v1/jobs/{job['job_id']}/results?after=17")).status_code == 422


async def test_no_more_recordings_are_waited_for_than_one_can_wait_for(tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        refused = await upload(served, "/v1/predict", *[(f"{number}.wav", b"no") for number in range(33)])
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "upload.too_big")
        assert "more than 32 recordings; send them in several requests, many to /v1/jobs" in refused.text


async def test_a_page_ends_before_it_is_too_large(
    angry: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_server.rest.jobs.MOST_PAGE_BYTES", 1)
    async with working(tmp_path) as served:
        page = (await upload(served, "/v1/predict", angry, angry)).json()
        files = [page["results"][0]["file"]]
        while page["next"] is not None:
            page = await served.ask(f"/v1/jobs/{page['job']['job_id']}/results", after=page["next"])
            files += [result["file"] for result in page["results"]]
        assert files == ["calls/angry.flac", "calls/angry (2).flac"]


async def test_a_name_longer_than_a_disk_takes_spoils_nothing(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        said = (await upload(served, "/v1/embed", ("录" * 120 + ".flac", angry[1]), angry)).json()
        assert [result["status"] for result in said["results"]] == ["done", "done"]
        for result in said["results"]:
            await file(served, said["job"]["job_id"], result["embeddings"][0]["file"])


async def test_results_that_the_disk_has_no_room_for_end_a_job(long: Recording, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        job_id = (await upload(served, "/v1/jobs?granularity=frame&embeddings=true", long)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a full disk: files end there
        try:
            held.go.set()
            job = await over(served, job_id)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (job["state"], job["problem_code"]) == ("failed", "disk")
        assert (await upload(served, "/v1/predict", long)).status_code == 200


async def test_what_was_worked_on_is_counted(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path, idle_s=0.1) as served:
        await upload(served, "/v1/predict", angry, ("bad.mp3", b"words, not sounds\n" * 100))
        text = (await served.get("/metrics")).text
        assert 'undertone_recordings_total{outcome="done"} 1.0' in text
        assert 'undertone_recordings_total{outcome="not_audio"} 1.0' in text
        assert 'undertone_jobs{state="working"} 0.0' in text
        seconds = dict(re.findall(r"(undertone_(?:recording|job_busy)_seconds_total) (\S+)", text))
        assert 1 < float(seconds["undertone_recording_seconds_total"]) < 4
        assert float(seconds["undertone_job_busy_seconds_total"]) > 0
        async with asyncio.timeout(10):
            while 'undertone_job_process_ends_total{reason="idle"} 1.0' not in (await served.get("/metrics")).text:
                await asyncio.sleep(0.02)


async def test_nothing_but_the_files_of_a_job_can_be_fetched(angry: Recording, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    async with working(tmp_path) as served:
        job_id = (await upload(served, "/v1/predict", angry)).json()["job"]["job_id"]
        names = (
            "../../../secret.txt",
            "..%2F..%2F..%2Fsecret.txt",
            "%2Fetc%2Fpasswd",
            "nothing.npy",
            "",
            "%00",
            "a" * 999,
        )
        for name in names:
            answer = await served.get(f"/v1/jobs/{job_id}/files/{name}")
            assert answer.status_code == 404, name
        assert (await served.get("/v1/jobs/0123/files/result.json")).json()["error"]["code"] == "job.not_found"


async def test_a_list_of_other_files_is_no_recording(angry: Recording, tmp_path: Path) -> None:
    """Else whoever may upload could hear what lies on the server's disk."""
    (tmp_path / "private.flac").write_bytes(angry[1])
    target = tmp_path / "private.flac"
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{target}\n#EXT-X-ENDLIST\n".encode()
    lists = [("list.m3u8", hls), ("list.ffconcat", f"ffconcat version 1.0\nfile {target}\n".encode())]
    async with working(tmp_path / "jobs") as served:
        (tmp_path / "jobs").mkdir()
        results = (await upload(served, "/v1/predict", *lists)).json()["results"]
    assert [result["failure"]["code"] for result in results] == ["not_audio", "not_audio"]


async def test_who_waits_goes_ahead_of_a_batch(angry: Recording, calm: Recording, tmp_path: Path) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        batch = (await upload(served, "/v1/jobs", ("bad.wav", b"no"), *[angry] * 4)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        waiting = asyncio.create_task(upload(served, "/v1/predict", calm))
        while len((await served.ask("/v1/jobs"))["jobs"]) < 2:
            await asyncio.sleep(0.01)
        held.go.set()
        answer = (await waiting).json()
        assert answer["results"][0]["emotion"]["label"] == "neutral"
        assert (await over(served, batch))["done"] == 4


async def test_an_answer_that_takes_too_long_says_where_to_go_on(angry: Recording, tmp_path: Path) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        answer = await upload(served, "/v1/predict?wait_s=0.1", angry)
        said = answer.json()
        assert (answer.status_code, said["results"]) == (202, [])
        held.go.set()
        job = await over(served, said["job"]["job_id"])
        page = await served.ask(f"/v1/jobs/{job['job_id']}/results", after=said["next"])
        assert page["results"][0]["emotion"]["label"] == "angry"


async def test_jobs_beyond_those_that_may_wait_are_refused(angry: Recording, tmp_path: Path) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held), waiting=1) as served:
        first = (await upload(served, "/v1/jobs", angry)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        assert (await upload(served, "/v1/jobs", angry)).status_code == 202
        refused = await upload(served, "/v1/jobs", angry)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "jobs.full")
        assert int(refused.headers["retry-after"]) > 0
        waiting = asyncio.create_task(upload(served, "/v1/predict", angry))
        while len((await served.ask("/v1/jobs"))["jobs"]) < 3:
            await asyncio.sleep(0.01)
        held.go.set()
        assert (await waiting).status_code == 200, "somebody waits for it: batches take no place from those"
        await over(served, first)


async def test_the_oldest_results_make_room_for_new_ones(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path, kept=1) as served:
        first = (await upload(served, "/v1/predict", angry)).json()["job"]["job_id"]
        second = (await upload(served, "/v1/predict", angry)).json()["job"]["job_id"]
        assert [job["job_id"] for job in (await served.ask("/v1/jobs"))["jobs"]] == [second]
        assert (await served.get(f"/v1/jobs/{first}")).status_code == 404


async def test_results_expire(angry: Recording, tmp_path: Path) -> None:
    async with working(tmp_path, keep_s=0.2) as served:
        job = (await upload(served, "/v1/predict", angry)).json()["job"]
        assert job["expires_at"] > job["created_at"]
        async with asyncio.timeout(30):
            while (await served.get(f"/v1/jobs/{job['job_id']}")).status_code != 404:
                await asyncio.sleep(0.05)
        await until(lambda: not list(tmp_path.glob(f"*/{job['job_id']}")))


async def test_more_results_than_the_disk_may_hold_end_a_job(
    long: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_server.jobs.worker.WEIGH_EVERY_S", 0.0)
    assert len(long[1]) < (1 << 20) - 1000
    async with working(tmp_path, disk_mb=1) as served:
        begun = await upload(served, "/v1/jobs?granularity=frame&embeddings=true", long)
        job = await over(served, begun.json()["job_id"])
    assert (job["state"], job["files"], job["problem_code"]) == ("failed", [], "too_large")
    assert "take more than" in job["problem"]


async def test_a_job_says_how_much_of_a_long_recording_is_heard(
    long: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_server.jobs.worker.TELL_EVERY_S", 0.0)
    stepped = Stepped()
    async with working(tmp_path, lambda: meddled(stepped)) as served:
        path = f"/v1/jobs/{(await upload(served, '/v1/jobs', long)).json()['job_id']}"
        for heard_s in (3.0, 6.0):
            stepped.step()
            async with asyncio.timeout(30):
                while (job := await served.ask(path))["heard_s"] < heard_s:
                    await asyncio.sleep(0.01)
            assert (job["state"], job["done"], job["share"]) == ("working", 0, pytest.approx(heard_s / 30))
            assert job["remaining_s"] is not None
        stepped.free()
        job = await over(served, job["job_id"])
        assert (job["done"], job["share"], job["remaining_s"]) == (1, 1.0, 0.0)


async def test_who_waits_goes_ahead_in_the_middle_of_a_long_recording(
    long: Recording, calm: Recording, tmp_path: Path
) -> None:
    stepped = Stepped()
    async with working(tmp_path, lambda: meddled(stepped)) as served:
        job_id = (await upload(served, "/v1/jobs", long)).json()["job_id"]
        await asyncio.to_thread(stepped.asked.wait)
        waiting = asyncio.create_task(upload(served, "/v1/predict", calm))
        while len((await served.ask("/v1/jobs"))["jobs"]) < 2:
            await asyncio.sleep(0.01)
        assert (await stepped.until(waiting)).json()["results"][0]["emotion"]["label"] == "neutral"
        assert (await served.ask(f"/v1/jobs/{job_id}"))["state"] == "working"
        stepped.free()
        assert (await over(served, job_id))["done"] == 1


async def test_a_job_gives_up_in_the_middle_of_a_long_recording_and_its_process_goes_on(
    long: Recording, tmp_path: Path
) -> None:
    stepped = Stepped()
    async with working(tmp_path, lambda: meddled(stepped)) as served:
        job_id = (await upload(served, "/v1/jobs", long)).json()["job_id"]
        await asyncio.to_thread(stepped.asked.wait)
        deleting = asyncio.create_task(served.delete(f"/v1/jobs/{job_id}"))
        assert (await stepped.until(deleting)).status_code == 204
        assert "undertone_job_process_ends_total{" not in (await served.get("/metrics")).text


async def test_a_job_that_is_stopped_keeps_what_is_done_of_it(
    angry: Recording, long: Recording, tmp_path: Path
) -> None:
    stepped = Stepped()
    async with working(tmp_path, lambda: meddled(stepped)) as served:
        job_id = (await upload(served, "/v1/jobs?embeddings=true", long, angry)).json()["job_id"]

        async def first() -> str:
            while not (page := await served.ask(f"/v1/jobs/{job_id}/results"))["results"]:
                await asyncio.sleep(0.01)
            return str(page["results"][0]["file"])

        assert await stepped.until(asyncio.create_task(first())) == angry[0]
        job = (await stepped.until(asyncio.create_task(served.post(f"/v1/jobs/{job_id}/stop")))).json()
        assert (job["state"], job["problem_code"], job["done"]) == ("stopped", "stopped", 1)
        assert job["expires_at"] is not None
        assert not found(tmp_path, "*.flac")
        page = await served.ask(f"/v1/jobs/{job_id}/results")
        assert (len(page["results"]), page["next"]) == (1, None)
        rows = np.load(io.BytesIO(await file(served, job_id, page["results"][0]["embeddings"][0]["file"])))
        assert rows.shape == (1, 96)
        stepped.free()


async def test_a_job_that_waits_is_stopped_at_once_and_one_that_is_over_stays_what_it_is(
    angry: Recording, calm: Recording, tmp_path: Path
) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        first = (await upload(served, "/v1/jobs", angry)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        behind = (await upload(served, "/v1/jobs", calm)).json()["job_id"]
        assert (await served.post(f"/v1/jobs/{behind}/stop")).json()["state"] == "stopped"
        held.go.set()
        await over(served, first)
        assert (await served.post(f"/v1/jobs/{first}/stop")).json()["state"] == "done"
        assert (await served.post("/v1/jobs/0123/stop")).status_code == 404


async def test_a_job_that_is_deleted_ends_and_leaves_nothing(angry: Recording, tmp_path: Path) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        job_id = (await upload(served, "/v1/jobs", *[angry] * 3)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        deleting = asyncio.create_task(served.delete(f"/v1/jobs/{job_id}"))
        await asyncio.sleep(0)
        held.go.set()
        assert (await deleting).status_code == 204
        assert (await served.get(f"/v1/jobs/{job_id}")).status_code == 404
        assert not found(tmp_path, "*.flac")
        assert (await upload(served, "/v1/predict", angry)).status_code == 200


async def test_a_job_that_does_not_give_up_is_stopped_and_others_go_on_where_they_were(
    angry: Recording, calm: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DROP_S", 0.1)
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        stuck = (await upload(served, "/v1/jobs", angry)).json()["job_id"]
        await asyncio.to_thread(held.asked.wait)
        behind = (await upload(served, "/v1/jobs", calm)).json()["job_id"]
        assert (await served.delete(f"/v1/jobs/{stuck}")).status_code == 204
        held.go.set()
        assert (await over(served, behind))["done"] == 1


async def test_a_process_that_dies_costs_the_job_that_it_was_at(angry: Recording, tmp_path: Path) -> None:
    def die(batch: Sequence[Window]) -> None:
        if dying:
            dying.pop()
            raise Killed

    dying = [1]
    async with working(tmp_path, lambda: meddled(die)) as served:
        refused = await upload(served, "/v1/predict", angry)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "jobs.unavailable")
        assert "died" in refused.json()["error"]["reason"]
        assert (await upload(served, "/v1/predict", angry)).status_code == 200


async def test_a_job_that_another_went_ahead_of_goes_on_if_that_one_kills_the_process(
    long: Recording, calm: Recording, tmp_path: Path
) -> None:
    stepped, dying = Stepped(), [1]

    def die(batch: Sequence[Window]) -> None:
        stepped(batch)
        if dying and len(batch[0].samples) and batch[0].stream is not stepped.first:
            dying.pop()
            raise Killed

    async with working(tmp_path, lambda: meddled(die)) as served:
        batch = (await upload(served, "/v1/jobs", long)).json()["job_id"]
        await asyncio.to_thread(stepped.asked.wait)
        waiting = asyncio.create_task(upload(served, "/v1/predict", calm))
        while len((await served.ask("/v1/jobs"))["jobs"]) < 2:
            await asyncio.sleep(0.01)
        stepped.free()
        assert (await waiting).json()["error"]["code"] == "jobs.unavailable"
        assert (await over(served, batch))["done"] == 1


async def test_a_process_that_says_nothing_for_too_long_is_stopped(
    angry: Recording, calm: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        monkeypatch.setattr(jobs, "STUCK_S", 0.3)
        stuck = (await upload(served, "/v1/jobs", angry)).json()["job_id"]
        job = await over(served, stuck)
        assert (job["state"], job["problem_code"]) == ("failed", "stuck")
        monkeypatch.undo()
        held.go.set()
        assert (await upload(served, "/v1/predict", calm)).status_code == 200
        assert 'undertone_job_process_ends_total{reason="stuck"} 1.0' in (await served.get("/metrics")).text


async def test_what_a_task_refuses_is_told_so_that_a_page_can_say_it_otherwise(
    angry: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = say("identify.likely", recording="a.wav", name="Ann")
    task = Refusing(TaskError("voices.refused", sentence.text, sentence))
    monkeypatch.setattr("stream_server.rest.voices.Verify", lambda *_: task)
    async with working(tmp_path) as served:
        refused = await upload(served, "/v1/verify", angry)
    assert refused.json()["error"] == {
        "code": "voices.refused",
        "reason": "The speaker of a.wav is probably Ann.",
        "sentence": {"key": "identify.likely", "text": sentence.text, "values": {"recording": "a.wav", "name": "Ann"}},
    }


async def test_models_that_cannot_be_loaded_are_said(angry: Recording, tmp_path: Path) -> None:
    def load() -> Any:
        raise CheckpointError("there is no model of this name")

    async with working(tmp_path, load) as served:
        refused = await upload(served, "/v1/predict", angry)
    assert refused.status_code == 503
    assert "there is no model of this name" in refused.json()["error"]["reason"]


async def test_a_sender_who_leaves_is_not_worked_for(
    angry: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DROP_S", 0.1)
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        async with httpx.AsyncClient(base_url=served.http) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/v1/predict", files={"audio": angry}, timeout=httpx.Timeout(10, read=0.3))
        async with asyncio.timeout(10):
            while (await served.ask("/v1/jobs"))["jobs"]:
                await asyncio.sleep(0.05)
        held.go.set()


async def test_nothing_is_left_when_the_server_ends_and_what_a_killed_one_left_is_deleted(
    angry: Recording, tmp_path: Path
) -> None:
    left, other = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}other"
    for folder in (left, other):
        folder.mkdir()
        (folder / "lock").touch()
    with FileLock(other / "lock"):
        async with working(tmp_path) as served:
            assert not left.exists()
            await upload(served, "/v1/predict", angry)
        assert found(tmp_path, f"{PREFIX}*") == [other]
        JobFolder(str(tmp_path)).clear_up()
        assert other.exists()


async def test_a_server_that_stops_with_jobs_at_work_and_waiting_leaves_nothing(
    angry: Recording, tmp_path: Path
) -> None:
    held = Held()
    async with working(tmp_path, lambda: meddled(held)) as served:
        for _ in range(2):
            assert (await upload(served, "/v1/jobs", angry)).status_code == 202
        await asyncio.to_thread(held.asked.wait)
        waiting = asyncio.create_task(upload(served, "/v1/predict", angry))
        while len((await served.ask("/v1/jobs"))["jobs"]) < 3:
            await asyncio.sleep(0.01)
    assert (await waiting).json()["error"]["code"] == "server.stopping"
    assert found(tmp_path) == []
    held.go.set()


async def test_a_process_of_its_own_gives_way_to_everything_else(angry: Recording) -> None:
    async with serving() as served:
        answer = await upload(served, "/v1/predict", angry)
        assert answer.json()["results"][0]["emotion"]["label"] == "angry"
        (process,) = [process for process in active_children() if process.name == "undertone-jobs"]
        threads = [int(task) for task in os.listdir(f"/proc/{process.pid}/task")]
        assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {19}
        assert first_to_go(process.pid)
        process.kill()
        again = await upload(served, "/v1/predict", angry)
        assert again.status_code == 200, "the next finds a new one"
