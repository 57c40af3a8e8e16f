"""Embeddings that are kept, searched, grouped and compared over REST."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from tests.stream_server.serving import Served
from tests.stream_server.test_voicesapi import Recording, change, knowing, voices
from tests.stream_server.working import upload, working

pytest.importorskip("sklearn", reason="groups need the extra workbench")

FILES = ["embeddings.csv", "embeddings.npy", "metadata.tsv", "projector_config.pbtxt", "vectors.tsv"]


def feelings(recordings: Path, letter: str) -> list[Recording]:
    """Recordings of EmoDB with a feeling: W is anger, N is neutral."""
    paths = sorted((recordings / "emotion" / "emodb").rglob(f"*[0-9]{letter}[a-z].flac"))[:6]
    return [(path.name, path.read_bytes()) for path in paths]


@asynccontextmanager
async def holding(recordings: Path, tmp_path: Path) -> AsyncIterator[tuple[Served, list[str], list[str]]]:
    """A server that keeps the embeddings of angry and of calm recordings."""
    angry, calm = feelings(recordings, "W"), feelings(recordings, "N")
    async with knowing(tmp_path) as served:
        kept = (await upload(served, "/v1/library?kind=emotion", *angry, *calm, ("bad.wav", b"no"))).json()
        assert len(kept["kept"]) == len(angry) + len(calm)
        assert [left["file"] for left in kept["left_out"]] == ["bad.wav"]
        yield served, [name for name, _ in angry], [name for name, _ in calm]


async def test_what_is_kept_is_listed_searched_and_forgotten(recordings: Path, tmp_path: Path) -> None:
    async with holding(recordings, tmp_path) as (served, angry, calm):
        assert (await served.ask("/v1/library", kind="emotion"))["models"] == {"undertone-emotion-small": angry + calm}
        again = feelings(recordings, "W")[0]
        found = (await upload(served, "/v1/search?kind=emotion&count=3", ("another name.flac", again[1]))).json()
        assert (found["among"], found["hits"][0]["source"]) == (len(angry + calm), angry[0])
        assert found["hits"][0]["cosine"] > 0.999
        itself = (await upload(served, "/v1/search?kind=emotion&count=3", again)).json()
        assert again[0] not in [hit["source"] for hit in itself["hits"]]
        named = (await change(served, "POST", f"/v1/search?kind=emotion&count=3&source={again[0]}")).json()
        assert named["hits"] == itself["hits"]
        assert (await served.delete(f"/v1/library?source={angry[0]}")).status_code == 204
        assert (await served.ask("/v1/library", kind="emotion"))["models"]["undertone-emotion-small"] == angry[
            1:
        ] + calm
        assert (await served.delete("/v1/library?kind=emotion")).status_code == 204
        assert (await served.ask("/v1/library", kind="emotion"))["models"] == {}


async def test_what_is_kept_is_grouped_and_placed_on_a_map(recordings: Path, tmp_path: Path) -> None:
    async with holding(recordings, tmp_path) as (served, angry, _):
        told = (await change(served, "POST", "/v1/cluster?kind=emotion&count=2&map=pca")).json()
        groups = {item["source"]: item["group"] for item in told["items"]}
        assert len(told["clustering"]["clusters"]) == 2
        assert all(-1 <= item["x"] <= 1 for item in told["items"])
        assert len({groups[name] for name in angry}) == 1
        assert {item["label"] for item in told["items"] if item["source"] in angry} == {"angry"}


async def test_some_of_what_is_kept_is_grouped_and_taken_to_other_tools(recordings: Path, tmp_path: Path) -> None:
    async with holding(recordings, tmp_path) as (served, angry, calm):
        some = [*angry[:3], *calm[:3]]
        told = (await change(served, "POST", "/v1/cluster?kind=emotion&count=2", sources=some)).json()
        assert [item["source"] for item in told["items"]] == some
        query = "/v1/cluster?kind=emotion&count=2&export=true"
        answer = await change(served, "POST", query, sources=some)
        assert answer.headers["content-type"] == "application/zip"
        with ZipFile(BytesIO(answer.content)) as archive:
            assert sorted(archive.namelist()) == FILES
            assert np.load(BytesIO(archive.read("embeddings.npy"))).shape == (6, 96)
            rows = list(csv.DictReader(archive.read("embeddings.csv").decode().splitlines()))
        assert [(row["source"], int(row["group"])) for row in rows] == [
            (item["source"], item["group"]) for item in told["items"]
        ]
        few = await change(served, "POST", f"{query}&dimensions=2")
        with ZipFile(BytesIO(few.content)) as archive:
            assert np.load(BytesIO(archive.read("embeddings.npy"))).shape[1] <= 2


async def test_ten_thousand_names_are_not_too_many(tmp_path: Path) -> None:
    async with knowing(tmp_path) as served:
        names = [f"calls/2026-11/{number:05}.wav" for number in range(10_000)]
        for path, body in {"cluster": {"sources": names}, "compare": {"group": names, "reference": names}}.items():
            refused = await change(served, "POST", f"/v1/{path}", **body)
            assert refused.json()["error"] == {
                "code": "library.refused",
                "reason": f"{names[0]} is not kept; POST it to /v1/library first",
            }


async def test_where_scikit_learn_is_missing_it_is_said_what_to_install(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(recordings, tmp_path) as (served, _, _):
        monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
        monkeypatch.setitem(sys.modules, "sklearn", None)
        refused = await change(served, "POST", "/v1/cluster?kind=emotion&count=2")
        assert (refused.status_code, refused.json()["error"]["code"]) == (501, "library.unavailable")
        assert "pip install 'undertone[workbench]'" in refused.json()["error"]["reason"]


async def test_a_group_is_compared_with_a_reference_set(recordings: Path, tmp_path: Path) -> None:
    async with holding(recordings, tmp_path) as (served, angry, calm):
        told = (await change(served, "POST", "/v1/compare", group=angry, reference=calm, kind="emotion")).json()
        assert told["score"] < told["reference_score"]
        assert "angry" in [each["measure"] for each in told["differences"]]
        refused = await change(served, "POST", "/v1/compare", group=["nobody.wav"], reference=calm, kind="emotion")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "library.refused")


async def test_voices_are_kept_apart_from_feelings(recordings: Path, tmp_path: Path) -> None:
    (one, other) = voices(recordings).values()
    async with knowing(tmp_path) as served:
        await upload(served, "/v1/library?kind=speaker", *one[:2], *other[:2])
        hits = (await upload(served, "/v1/search?kind=speaker&count=1", one[2])).json()["hits"]
        assert hits[0]["source"] in [name for name, _ in one[:2]]
        assert (await served.ask("/v1/library", kind="emotion"))["models"] == {}


async def test_what_cannot_be_kept_grouped_or_searched_for_is_refused(tmp_path: Path) -> None:
    async with knowing(tmp_path) as served:
        bad = ("a.wav", b"no")
        assert (await upload(served, "/v1/search", bad)).json()["error"]["code"] == "recording.unusable"
        nobody = await change(served, "POST", "/v1/search?source=nobody.wav")
        assert (nobody.status_code, nobody.json()["error"]["code"]) == (422, "library.refused")
        assert (await change(served, "POST", "/v1/cluster")).json()["error"]["code"] == "library.refused"
        assert (await served.get("/v1/library?kind=cohort")).json()["error"]["code"] == "request.invalid"
    async with working(tmp_path) as served:
        assert (await upload(served, "/v1/library", bad)).json()["error"]["code"] == "history.unavailable"
