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
from inference.features import LogMel
from training.crossvalidate import fold
from training.emotion_data import emotion_bank
from training.recipe import EmotionRecipe, read_recipe
from training.train import RUNS, emotion_objective, main, train

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
    for number, emotion in enumerate(["angry", "neutral", "happy", "sad"] * 4):
        corpus = "made_up" if number < 8 else "other"
        path = f"emotion/{corpus}/{number}.flac"
        write_noise(data / path, 1.0 + number / 8, number)
        rows.append({"path": path, "dataset": corpus, "speaker": f"{corpus}{number % 2}", "emotion": emotion})
    for number in (0, 1):
        write_noise(data / f"speakers/calm/{number}.flac", 2.0, 30 + number)
        rows.append({"path": f"speakers/calm/{number}.flac", "dataset": "calm", "speaker": f"c{number}", "emotion": ""})
    write_noise(data / "nonspeech/background/hum.ogg", 4.0, 99)
    for room in (1, 2, 3, 4):
        write_noise(data / f"nonspeech/rooms/rir{room}.flac", 0.1, room)
    write_table(data / "index.csv", rows)
    (tmp_path / "training").mkdir()
    write_table(tmp_path / "training/split.csv", [{"speaker": row["speaker"], "part": "train"} for row in rows])
    net = EmotionNetConfig(mels=16, stem_channels=4, channels=8, blocks="cvc", dilations=(1, 2))
    short = replace(read.optimisation, steps=4, batch=3, warmup_steps=1, save_every_steps=2)
    return replace(read, name="tiny", optimisation=short, net=net)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


class StoppedError(Exception):
    pass


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(recipe: EmotionRecipe) -> None:
    torch.set_num_threads(1)
    whole, stopped, resumed = (emotion_objective(recipe) for _ in range(3))
    train(whole, recipe.optimisation)

    def stop() -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        train(stopped, recipe.optimisation, Path("last.pt"), stop)
    train(resumed, recipe.optimisation, Path("last.pt"))
    for name, tensor in whole.shipped().state_dict().items():
        assert torch.allclose(tensor, resumed.shipped().state_dict()[name], atol=1e-6), name


def test_a_run_leaves_weights_that_load(recipe: EmotionRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.train.read_recipe", lambda path: recipe)
    monkeypatch.setattr("sys.argv", ["train", "tiny.toml"])
    main()
    net, header = checkpoint.load_emotion(RUNS / "tiny" / "weights.safetensors")
    assert header["name"] == "tiny"
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())


def test_leaving_a_corpus_out_measures_on_it(recipe: EmotionRecipe) -> None:
    torch.set_num_threads(1)
    bank = emotion_bank(recipe.streams, recipe.calls, LogMel(16, 60.0, 7600.0))
    row = fold(recipe, bank, "other")
    assert set(row["each clip alone"]) == {"ua", "angry_auc", "arousal_auc"}
    assert 0 <= row["speaker so far"]["ua"] <= 1
