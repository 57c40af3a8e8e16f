"""A program written for the emotion2vec+ workbench goes on working: its fields, its answer, its files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from monitor.labels import LABELS
from stream_server.rest.former import TOOLKIT_LABELS
from tests.stream_server.working import upload, working
from tests.workbench.sounds import emodb


@pytest.mark.parametrize("path", ["/api/predict/", "/api/predict"])
async def test_a_recording_is_answered_with_labels_scores_and_where_its_embedding_is(
    recordings: Path, tmp_path: Path, path: str
) -> None:
    angry = ("angry.flac", emodb(recordings).read_bytes())
    async with working(tmp_path) as served:
        answer = await upload(served, path, angry, granularity="utterance", extract_embedding="true")
        found = answer.json()
        assert answer.status_code == 200
        assert (found["emotion"], found["granularity"]) == ("angry", "utterance")
        assert found["confidence"] == max(found["scores"])
        assert found["embedding_url"].startswith("/file=outputs/outputs_20")
        assert found["embedding_url"].endswith("/embedding.npy")
        embedding = await served.get(found["embedding_url"])
        assert np.load(io.BytesIO(embedding.content)).shape == (1, 96)


async def test_labels_and_scores_are_read_in_each_of_the_ways_in_which_programs_read_those_of_the_toolkit(
    recordings: Path, tmp_path: Path
) -> None:
    async with working(tmp_path) as served:
        found = (await upload(served, "/api/predict/", ("a.flac", emodb(recordings).read_bytes()))).json()
    labels, scores = found["labels"], found["scores"]
    highest = scores.index(max(scores))
    assert labels[highest] == "生气/angry"
    assert labels[highest].split("/")[-1] == found["emotion"]
    assert LABELS[highest] == "angry", "by place, without looking at the names"
    assert dict(zip(labels, scores, strict=True))["生气/angry"] == found["confidence"]
    assert labels[-1] == "<unk>"
    assert sum(scores) == pytest.approx(1, abs=1e-3)


def test_the_toolkit_has_the_labels_in_the_order_of_ours() -> None:
    assert tuple(TOOLKIT_LABELS) == LABELS
    assert [name.split("/")[-1] for name in TOOLKIT_LABELS.values()] == [*LABELS[:-1], "<unk>"]


async def test_fields_that_only_the_former_tool_knows_are_taken_no_notice_of(recordings: Path, tmp_path: Path) -> None:
    angry = ("angry.flac", emodb(recordings).read_bytes())
    async with working(tmp_path) as served:
        answer = await upload(served, "/api/predict/", angry, session_hash="0a1b", fn_index="2")
    assert answer.json()["emotion"] == "angry"


async def test_frames_have_a_row_each_and_so_has_their_embedding(recordings: Path, tmp_path: Path) -> None:
    angry = ("angry.flac", emodb(recordings).read_bytes())
    async with working(tmp_path) as served:
        found = (await upload(served, "/api/predict/", angry, granularity="frame", extract_embedding="true")).json()
        rows = np.load(io.BytesIO((await served.get(found["embedding_url"])).content))
        same = await served.get(found["embedding_url"].replace("/embedding", "/frame_embeddings"))
    assert rows.shape == (len(found["frame_scores"]), 96)
    assert np.array_equal(np.load(io.BytesIO(same.content)), rows)


async def test_without_extract_embedding_there_is_none(recordings: Path, tmp_path: Path) -> None:
    angry = ("angry.flac", emodb(recordings).read_bytes())
    async with working(tmp_path) as served:
        for fields in ({}, {"extract_embedding": "false"}):
            assert "embedding_url" not in (await upload(served, "/api/predict/", angry, **fields)).json()


async def test_what_cannot_be_used_is_refused_with_the_reason_and_what_to_do(recordings: Path, tmp_path: Path) -> None:
    angry = ("angry.flac", emodb(recordings).read_bytes())
    async with working(tmp_path) as served:
        refused = await upload(served, "/api/predict/", ("a.wav", b"words, not sounds\n" * 100))
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "recording.unusable")
        assert "FFmpeg cannot read it" in refused.json()["error"]["reason"]
        assert (await upload(served, "/api/predict/", angry, granularity="word")).status_code == 422
        assert (await upload(served, "/api/predict/", angry, angry)).status_code == 422
        assert (await served.get("/file=outputs/outputs_20260101_000000_00/embedding.npy")).status_code == 404
        assert (await served.get("/file=/etc/passwd")).status_code == 404
