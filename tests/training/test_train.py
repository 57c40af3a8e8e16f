"""Training on a handful of made-up recordings."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from inference import checkpoint
from inference.emotion_net import EmotionNetConfig
from training.recipe import EmotionRecipe, read_recipe
from training.train import Run, train

RATE_HZ = 16_000


def write_noise(path: Path, seconds: float, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.05, int(seconds * RATE_HZ)).astype(np.float32)
    soundfile.write(path, samples, RATE_HZ)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmotionRecipe:
    """A small recipe, run in a folder of its own over eight clips of noise."""
    read = read_recipe(Path("training/emotion.toml"))
    assert isinstance(read, EmotionRecipe)
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_DATA", str(data))
    rows = []
    for number, emotion in enumerate(["angry", "neutral", "happy", "disgusted"] * 2):
        path = f"emotion/made_up/{number}.flac"
        write_noise(data / path, 1.0 + number / 2, number)
        rows.append({"path": path, "dataset": "made_up", "speaker": f"s{number % 2}", "emotion": emotion})
    write_noise(data / "nonspeech/background/hum.ogg", 4.0, 99)
    for room in (1, 2, 3, 4):
        write_noise(data / f"nonspeech/rooms/rir{room}.flac", 0.1, room)
    write_table(data / "index.csv", rows)
    (tmp_path / "training").mkdir()
    write_table(tmp_path / "training/split.csv", [{"speaker": f"s{n}", "part": "train"} for n in (0, 1)])
    net = EmotionNetConfig(mels=16, stem_channels=4, channels=8, dilations=(1, 2))
    short = replace(read.optimisation, steps=4, batch=3, warmup_steps=1, save_every_steps=2)
    return replace(read, name="tiny", optimisation=short, net=net)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(recipe: EmotionRecipe) -> None:
    torch.set_num_threads(1)
    whole = Run(recipe)
    train(whole)

    broken_off = Run(recipe)
    broken_off.advance()
    broken_off.advance()
    broken_off.save()
    resumed = Run(recipe)
    resumed.resume()
    assert resumed.step == 2
    train(resumed)

    for name, tensor in whole.objective.state_dict().items():
        assert torch.allclose(tensor, resumed.objective.state_dict()[name], atol=1e-6), name


def test_a_run_leaves_weights_that_load(recipe: EmotionRecipe) -> None:
    run = Run(recipe)
    train(run)
    net, header = checkpoint.load_emotion(run.folder / "weights.safetensors")
    assert header["name"] == "tiny"
    assert torch.equal(net.label_head.weight, run.objective.net.state_dict()["label_head.weight"])
