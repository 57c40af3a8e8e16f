"""Forms with recordings: whole however they are cut, bounded, and by the names that their senders gave."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_server.jobs import uploads
from stream_server.jobs.uploads import Form, Part, PartEnd, named
from tests.stream_server.serving import until
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
        ("a" * 300 + ".wav", "a" * 196 + ".wav"),
        ("calls/" + "录" * 100 + ".wav", "calls/" + "录" * 65 + ".wav"),
        ("a." + "b" * 300, "a." + "b" * 198),
    ],
)
def test_names_keep_their_folders_and_lose_what_is_no_name(sent: str, kept: str) -> None:
    assert named(sent) == kept


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'filename="\xe5\xbd\x95.wav"', "录.wav"),
        (b"filename*=utf-8''%E5%BD%95.wav", "录.wav"),
        (b"filename=\"=?utf-8?B?5b2VLndhdg==?=\"; filename*=utf-8''%E5%BD%95.wav", "录.wav"),
        (b'filename="say %22no%22 50%.wav"', 'say "no" 50%.wav'),
        (b'filename="two%0D%0Alines.wav"', "twolines.wav"),
    ],
)
def test_the_name_of_a_file_is_read_however_a_library_writes_it(disposition: bytes, name: str) -> None:
    form = Form(b"x")
    head = b'--x\r\nContent-Disposition: form-data; name="audio"; ' + disposition + b"\r\n\r\n"
    assert form.feed(head)[0] == Part("audio", name)


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


HEAD = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.wav"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


async def test_a_sender_that_is_slower_than_a_telephone_line_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it sends a little: it would hold a place that others wait for."""
    monkeypatch.setattr(uploads, "SILENT_S", 0.3)

    async def dripping() -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(200):
            await asyncio.sleep(0.02)
            yield b"x"

    async with working(tmp_path, waiting=1) as served, httpx.AsyncClient(base_url=served.http) as client:
        answer = await client.post("/v1/jobs", content=dripping(), headers=FORM)
        assert await code(answer) == (422, "upload.invalid")
        assert "64 KB" in answer.json()["error"]["reason"]
        await until(lambda: not found(tmp_path, "*.wav"))


async def test_a_sender_who_leaves_in_the_middle_leaves_nothing_and_gives_up_the_place(tmp_path: Path) -> None:
    async with working(tmp_path, waiting=1) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        lines = [b"POST /v1/jobs HTTP/1.1", b"Host: 127.0.0.1", b"Content-Length: 9000000"]
        lines.append(b"Content-Type: multipart/form-data; boundary=x")
        writer.write(b"\r\n".join([*lines, b"", HEAD]) + bytes(3 << 20))
        await writer.drain()
        await until(lambda: bool(found(tmp_path, "*.wav")))
        assert await code(await upload(served, "/v1/jobs", ("b.wav", b"no"))) == (503, "jobs.full")
        writer.close()
        await until(lambda: not found(tmp_path, "*.wav"))
        assert (await upload(served, "/v1/jobs", ("b.wav", b"no"))).status_code == 202


async def test_a_full_disk_is_said_and_when_to_try_again(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with working(tmp_path) as served:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # as a full disk: files end there
        try:
            refused = await upload(served, "/v1/jobs", ("a.wav", bytes(3 << 20)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert await code(refused) == (503, "jobs.full")
        assert int(refused.headers["retry-after"]) > 0
        await until(lambda: not found(tmp_path, "*.wav"))
