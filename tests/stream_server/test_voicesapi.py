"""Voices over REST: verify, enroll, identify, and who is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from inference.model import Models
from tests.stream_server.serving import Served
from tests.stream_server.working import found, shipped, upload, working

Recording = tuple[str, bytes]


def voices(recordings: Path) -> dict[str, list[Recording]]:
    """Some recordings of each of two speakers."""
    by_speaker: dict[str, list[Recording]] = {}
    for path in sorted((recordings / "speakers" / "librispeech").glob("librispeech_test-other*")):
        by_speaker.setdefault(path.name.split("__")[1], []).append((path.name, path.read_bytes()))
    return {name: own[:4] for name, own in list(by_speaker.items())[:2]}


@asynccontextmanager
async def knowing(tmp_path: Path, *crews: Models) -> AsyncIterator[Served]:
    """A server that keeps voiceprints."""
    (tmp_path / "jobs").mkdir()
    async with working(tmp_path / "jobs", history_url=f"sqlite:///{tmp_path}/kept.sqlite3", crews=crews) as served:
        yield served


async def change(served: Served, method: str, path: str, **fields: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=served.http) as client:
        return await client.request(method, path, json=fields or None)


async def test_recordings_of_one_voice_are_told_from_those_of_two(recordings: Path, tmp_path: Path) -> None:
    (one, other) = voices(recordings).values()
    async with working(tmp_path) as served:
        same = (await upload(served, "/v1/verify?purpose=grouping", *one[:2])).json()["verification"]
        apart = (await upload(served, "/v1/verify?purpose=grouping", one[0], other[0])).json()["verification"]
        assert same["pairs"][0]["probability"] > 0.5 > apart["pairs"][0]["probability"]
        assert same["caution"]["text"]
        with_bad = await upload(served, "/v1/verify", *one[:2], ("bad.wav", b"no"))
        assert with_bad.json()["left_out"][0]["failure"]["code"] == "not_audio"
        refused = await upload(served, "/v1/verify", one[0])
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "voices.refused")
        assert refused.json()["error"]["sentence"]["key"] == "refused.few_voices"
        assert (await served.ask("/v1/jobs"))["jobs"] == []
    assert not found(tmp_path, "*.ogg")


async def test_who_is_enrolled_is_identified_renamed_and_forgotten(recordings: Path, tmp_path: Path) -> None:
    (one, other) = voices(recordings).values()
    async with knowing(tmp_path) as served:
        enrolled = await upload(served, "/v1/enroll?name=Ann&consent=to+be+greeted&days=30", *one[:3])
        voiceprint = enrolled.json()["voiceprint"]
        assert (voiceprint["name"], voiceprint["consent"]["purpose"]) == ("Ann", "to be greeted")
        again = await upload(served, "/v1/enroll?name=Ann&consent=to+be+greeted&days=30", *one[:3])
        assert (again.status_code, again.json()["error"]["code"]) == (422, "voice.invalid")
        told = (await upload(served, "/v1/identify", one[3], other[0])).json()["identifications"]
        assert [each["name"] for each in told] == ["Ann", None]
        odd = "Zo\u00eb/Lee?#.."
        assert (await change(served, "PATCH", "/v1/voices/Ann", name=odd)).json()["voices"][0]["name"] == odd
        back = f"/v1/voices/{quote(odd, safe='')}"
        assert (await change(served, "PATCH", back, name="Ann Lee")).status_code == 200
        gone = (await change(served, "PATCH", back, name="Ann")).json()["error"]
        assert (gone["code"], gone["sentence"]["key"]) == ("voice.not_found", "refused.unknown")
        assert [each["name"] for each in (await served.ask("/v1/voices"))["voices"]] == ["Ann Lee"]
        assert "vector" not in (await served.ask("/v1/voices"))["voices"][0]
        assert (await served.delete("/v1/voices/Ann")).json()["error"]["code"] == "voice.not_found"
        assert (await served.delete("/v1/voices/Ann%20Lee")).status_code == 204
        assert (await served.ask("/v1/voices"))["voices"] == []
        assert (await served.delete("/v1/voices")).status_code == 204


async def test_everyone_moves_to_another_server_as_a_document(recordings: Path, tmp_path: Path) -> None:
    (one, other) = voices(recordings).values()
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    async with knowing(tmp_path / "here", shipped()) as served:
        await upload(served, "/v1/enroll?name=Ann&consent=to+be+greeted&days=30", *one[:3])
        exported = await served.get("/v1/voices/export")
        assert exported.headers["Content-Disposition"] == 'attachment; filename="voiceprints.json"'
    document = exported.json()
    async with knowing(tmp_path / "there", shipped()) as served:
        done = (await change(served, "POST", "/v1/voices/import", **document)).json()
        assert done == {"added": ["Ann"], "left_out": {}}
        told = (await upload(served, "/v1/identify", one[3], other[0])).json()["identifications"]
        assert [each["name"] for each in told] == ["Ann", None]
        again = (await change(served, "POST", "/v1/voices/import", **document)).json()
        assert again["left_out"]["Ann"]["key"] == "refused.taken"
        replaced = (await change(served, "POST", "/v1/voices/import?replace=true", **document)).json()
        assert replaced["added"] == ["Ann"]
        foreign = await change(served, "POST", "/v1/voices/import", **{**document, "model": "another"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (422, "voice.invalid")
        big = await change(served, "POST", "/v1/voices/import", padding="x" * (9 << 20))
        assert (big.status_code, big.json()["error"]["code"]) == (413, "request.too_big")


async def test_without_consent_or_a_database_nothing_is_kept(recordings: Path, tmp_path: Path) -> None:
    (one, _) = voices(recordings).values()
    async with working(tmp_path) as served:
        refused = await upload(served, "/v1/enroll?name=Ann&days=30", *one)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")
        refused = await upload(served, "/v1/enroll?name=Ann&days=30&consent=all", *one)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "history.unavailable")
        for path in ("/v1/voices", "/v1/voices/export"):
            assert (await served.get(path)).status_code == 503
        assert (await change(served, "POST", "/v1/voices/import", version=1)).status_code == 503


@pytest.mark.parametrize("query", ["prior=0", "prior=1", "purpose=door"])
async def test_what_makes_no_sense_is_refused(query: str, tmp_path: Path) -> None:
    async with working(tmp_path) as served:
        refused = await upload(served, f"/v1/verify?{query}", ("a.wav", b"no"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")
