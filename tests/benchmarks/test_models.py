"""The comparisons of the published models, on tiny ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import gpu
from benchmarks.layouts import SMALL, TINY, emotion_shapes, random_tensors, speaker_shapes
from benchmarks.models import apart, calls_held, emotion_costs, speaker_costs
from inference import official
from inference.emotion2vec import frames_in, normalised
from inference.graphed import GraphedEmotion2vec

WAVE = torch.randn(6 * 16_000, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.02, 0.2, 6 * 16_000)


@torch.inference_mode()
def test_every_way_hears_every_window() -> None:
    found = emotion_costs(official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny"), None, WAVE)
    assert set(found["ms"]) == {
        f"{numbers}, {way}" for way in ("none", "convolutions", "frames") for numbers in ("float32", "bfloat16", "int8")
    }
    assert found["windows"] == 6
    assert found["floor_ms"] == pytest.approx(1000 * found["gflop"] / found["gflop_per_s"])
    apart = found["apart"]
    assert 0 < apart["float32, convolutions"]["spread"] < apart["float32, frames"]["spread"]
    assert 0 < apart["bfloat16, none"]["scores"] < 0.02


@torch.inference_mode()
def test_speakers_are_timed_alone_and_in_batches() -> None:
    found = speaker_costs(official.campplus(random_tensors(speaker_shapes(SMALL)), "small"), None, WAVE)
    assert set(found["ms"]) == {"one at a time", "batch 8"}
    assert all(ms > 0 for ms in found["ms"].values())


def test_a_server_holds_fewer_calls_than_would_fill_its_time() -> None:
    """At 100 ms and a hop of 2 s there is time for 29, but then windows wait for each other for seconds."""
    assert calls_held(1000, 0.5) == 0
    assert 10 < calls_held(100, 2.0) < 29
    assert calls_held(50, 2.0) > 2 * calls_held(100, 2.0)
    assert calls_held(100, 0.5) < calls_held(100, 1.0) < calls_held(100, 2.0)


def test_accounts_are_compared_by_label_score_and_spread() -> None:
    exact = np.array([[0.0, 1.0], [2.0, 1.0]], np.float32)
    assert apart(exact, exact) == {"labels": 1.0, "scores": 0.0, "spread": 0.0}
    other = apart(exact[:, ::-1], exact)
    assert other["labels"] == 0.0
    assert other["scores"] == pytest.approx(0.4621, abs=1e-3)
    assert other["spread"] == pytest.approx(1.0 / np.sqrt(0.5), abs=1e-3)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_windows_in_batches_of_fixed_sizes_give_what_they_give_alone(count: int) -> None:
    net = official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")
    model = GraphedEmotion2vec(net, 16_000, "cpu", torch.float32, (1, 2, 4))
    windows = [window[:16_000] for window in gpu.noise(count)]
    found = model(windows)
    with torch.inference_mode():
        expected = net(normalised(torch.from_numpy(np.stack(windows))))[1].numpy()
    assert found.shape == (count, frames_in(16_000), 9)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_script_for_a_gpu_runs_through_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gpu.json"
    given = ["--device", "cpu", "--kind", "tiny", "--most", "2", "--seconds", "1", "--json", str(path)]
    assert gpu.main(given) == 0
    found = json.loads(path.read_text("utf-8"))
    assert set(found["sizes"]) == {"1", "2"}
    assert found["scores_apart"] < 1e-5
    assert "calls with p95" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 1
    assert "no CUDA device" in capsys.readouterr().err


def test_the_script_for_a_gpu_needs_torch_and_numpy_only() -> None:
    """The packages of the default install that it loads, but for those two."""
    ours = "av fastapi filelock msgspec prometheus_client pydantic rich safetensors soxr uvicorn webrtcvad yaml"
    code = f"import sys, benchmarks.gpu; print(*(name for name in {ours.split()!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
