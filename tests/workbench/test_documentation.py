"""What docs/workbench.md says is what the workbench does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workbench.sounds import emodb, samples_of, write
from workbench.failures import CODES
from workbench.sentences import SENTENCES, say

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "workbench.md").read_text(encoding="utf-8")


def test_every_failure_has_a_remedy_and_stands_in_the_table() -> None:
    table = PAGE.split("## When there is no result")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(CODES)
    assert {key.removeprefix("remedy.") for key in SENTENCES if key.startswith("remedy.")} == set(CODES)


def test_the_program_on_the_page_runs(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (program,) = [each for each in programs if "Client" not in each]  # that one needs a server
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "call.wav", samples_of(emodb(recordings)))
    exec(compile(program, "workbench.md", "exec"), {"__name__": "page"})
    said = capsys.readouterr().out
    assert "label='angry'" in said
    assert "[[" in said


def test_a_sentence_lacks_nothing_that_its_template_needs() -> None:
    assert say("audio.quiet", level_dbfs=50.0).text == "The speech is quiet (50.0 dB below full scale)."
    with pytest.raises(KeyError):
        say("audio.quiet")
