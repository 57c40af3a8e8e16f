"""Work on recordings over REST: predict, embed, jobs, their files, and what happens when it is too much."""

from __future__ import annotations

import asyncio
import io
import json
import os
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
from stream_server import jobs
from stream_server.jobs import PREFIX, clear_up
from tests.stream_server.serving import Served, serving, until
from tests.stream_server.working import Held, Killed, found, meddled, upload, working
from tests.workbench.sounds import emodb

Recording = tuple[str, bytes]


@pytest.fixture
def angry(recordings: Path) -> Recording:
    return "calls/angry.flac", emodb(recordings).read_bytes()


@pytest.fixture
def calm(recordings: Path) -> Recording:
    return "calm.flac", emodb(recordings, "03a01Nc").read_bytes()


async def over(served: Served, job_id: str) -> dict[str, Any]:
    """A job once it is over."""
    async with asyncio.timeout(60):
        while (job := await served.ask(f"/v1/jobs/{job_id}"))["state"] not in ("done", "failed"):
            await asyncio.sleep(0.02)
    return job


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


async def test_nothing_but_the_files_of_a_job_can_be_fetched(angry: Recording, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    async with working(tmp_path) as served:
        job_id = (await upload(served, "/v1/predict", angry)).json()["job"]["job_id"]
        for name in ("../../../secret.txt", "..%2F..%2F..%2Fsecret.txt", "%2Fetc%2Fpasswd", "nothing.npy", ""):
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
        held.go.set()
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
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_server.jobworker.WEIGH_EVERY_S", 0.0)
    long = ("call.flac", (recordings / "conversations" / "two_speakers_30s.flac").read_bytes())
    assert len(long[1]) < (1 << 20) - 1000
    async with working(tmp_path, disk_mb=1) as served:
        begun = await upload(served, "/v1/jobs?granularity=frame&embeddings=true", long)
        job = await over(served, begun.json()["job_id"])
    assert (job["state"], job["files"]) == ("failed", [])
    assert "take more than" in job["problem"]


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
        clear_up(tmp_path)
        assert other.exists()


async def test_a_process_of_its_own_gives_way_to_everything_else(angry: Recording) -> None:
    async with serving() as served:
        answer = await upload(served, "/v1/predict", angry)
        assert answer.json()["results"][0]["emotion"]["label"] == "angry"
        (process,) = [process for process in active_children() if process.name == "undertone-jobs"]
        threads = [int(task) for task in os.listdir(f"/proc/{process.pid}/task")]
        assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {19}
