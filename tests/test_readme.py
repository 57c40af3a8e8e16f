"""The README's program runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scripted import conversation
from tests.stream_server.serving import serving
from tests.stream_server.test_cli import write_wav

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


async def test_the_program_in_the_readme_prints_emotion_and_the_first_speaker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {"__name__": "readme"}
    exec(compile(program, "README.md", "exec"), names)
    recording = write_wav(tmp_path / "call.wav", conversation()[: 16_000 * 4])
    async with serving() as served:
        await names["main"](str(recording), f"ws://127.0.0.1:{served.port}")
    said = capsys.readouterr().out
    assert "None -> S1" in said
    assert re.search(r"\d\.\d s  S1  \w+ \d+%", said)


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (Path(__file__).resolve().parent.parent / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z][a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_link_in_the_readme_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (Path(__file__).resolve().parent.parent / link).exists(), link


def test_every_link_from_one_page_to_another_leads_somewhere() -> None:
    docs = Path(__file__).resolve().parent.parent / "docs"
    for page in docs.rglob("*.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
