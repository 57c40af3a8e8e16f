from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import runtimes


def test_a_runtime_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtimes, "TURN_S", 0.0)
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    chosen = ["--runtime", "torch", "--runtime", "torch, folded", "--runtime", "OpenVINO"]
    file = tmp_path / "runtimes.json"
    batch = ["--network", "speaker", "--batch", "2", "--rounds", "1", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["runtimes", *chosen, *batch])
    runtimes.main()
    _, fast, absent, _ = json.loads(file.read_text())
    assert fast["difference"] < 1e-5
    assert absent["missing"] == "openvino is not installed"
    assert "OpenVINO: left out: openvino is not installed" in capsys.readouterr().out
