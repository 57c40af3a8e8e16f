"""Forms with recordings: whole however they are cut, bounded, and by the names that their senders gave."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_server.uploads import Form, Part, PartEnd, named
from tests.stream_server.working import found, upload, working

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"first\r\n--y\r\nstill\r\n--x\r\n"
    b'Content-Disposition: form-data; name="granularity"\r\n\r\nframe\r\n--x--\r\n'
)


def parts(form: Form, chunks: list[bytes]) -> list[object]:
    """What a form says, the bytes of a part in one piece."""
    out: list[object] = []
    pieces = [piece for chunk in chunks for piece in form.feed(chunk)]
    for piece in pieces:
        if isinstance(piece, bytes) and out and isinstance(out[-1], bytes):
            out[-1] += piece
        else:
            out.append("end" if isinstance(piece, PartEnd) else piece)
    return out


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_a_form_says_the_same_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    form = Form(b"x")
    heard = parts(form, [BODY[start:end] for start, end in pairwise(edges)])
    assert heard == [
        Part("audio", "a.wav"), b"first\r\n--y\r\nstill", "end", Part("granularity", None), b"frame", "end",
    ]  # fmt: skip
    assert form.complete


def test_a_form_that_ends_early_is_not_complete() -> None:
    form = Form(b"x")
    form.feed(BODY[:-6])
    assert not form.complete


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("call.wav", "call.wav"),
        ("2026/may/call.wav", "2026/may/call.wav"),
        ("C:\\calls\\one.wav", "C:/calls/one.wav"),
        ("/etc/../../passwd", "etc/passwd"),
        ("..", "recording"),
        ("", "recording"),
        ("a\x00b\n.wav", "ab.wav"),
        ("录音.m4a", "录音.m4a"),
    ],
)
def test_names_keep_their_folders_and_lose_what_is_no_name(sent: str, kept: str) -> None:
    assert named(sent) == kept


async def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_what_is_too_much_or_no_form_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with working(tmp_path, upload_mb=1, upload_files=2) as served:
        a_megabyte = ("a.wav", bytes(1 << 20))
        assert await code(await upload(served, "/v1/jobs", a_megabyte)) == (413, "upload.too_big")
        three = [(f"{name}.wav", b"x") for name in "abc"]
        assert await code(await upload(served, "/v1/jobs", *three)) == (413, "upload.too_big")
        assert await code(await upload(served, "/v1/jobs", three[0], shape="round")) == (422, "upload.invalid")
        assert await code(await upload(served, "/v1/jobs")) == (415, "request.media_type")
        async with httpx.AsyncClient(base_url=served.http) as client:

            async def endless():
                yield b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.wav"\r\n\r\n'
                for _ in range(40):
                    yield bytes(1 << 16)

            form = {"Content-Type": "multipart/form-data; boundary=x"}
            assert await code(await client.post("/v1/jobs", content=endless(), headers=form)) == (413, "upload.too_big")
            early = await client.post("/v1/jobs", content=BODY[:-6], headers=form)
            assert await code(early) == (422, "upload.invalid")
            nothing = await client.post("/v1/jobs", content=b"--x--\r\n", headers=form)
            assert await code(nothing) == (422, "upload.invalid")
        assert (await served.ask("/v1/jobs"))["jobs"] == []
    assert found(tmp_path, "*.wav") == []
