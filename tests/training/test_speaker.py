"""The speaker network's data and objective, on a handful of made-up recordings."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from inference.speaker_net import SpeakerNetConfig
from training import teacher
from training.recipe import SpeakerRecipe, read_recipe
from training.speaker_bank import shift_envelope
from training.speaker_objective import shifted
from training.train import speaker_objective, train

RATE_HZ = 16_000


def write_buzz(path: Path, seconds: float, pitch_hz: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * pitch_hz * n * at) / n for n in range(1, 12))
    soundfile.write(path, (0.1 * buzz).astype(np.float32), RATE_HZ)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpeakerRecipe:
    """A small recipe, run in a folder of its own over four voices of two recordings each."""
    read = read_recipe(Path("training/speaker.toml"))
    assert isinstance(read, SpeakerRecipe)
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_DATA", str(data))
    torch.manual_seed(0)
    untaught = teacher.Teacher().eval()
    monkeypatch.setattr(teacher, "load_teacher", lambda: untaught)
    rows = []
    for number in range(8):
        section, emotion = ("emotion", "happy") if number < 4 else ("speakers", "")
        path = f"{section}/made_up/{number}.flac"
        write_buzz(data / path, 1.5 + number / 8, 90.0 + 10 * number)
        rows.append({"path": path, "dataset": section, "speaker": f"s{number // 2}", "emotion": emotion})
    write_buzz(data / "nonspeech/background/hum.ogg", 4.0, 50.0)
    for room in (1, 2, 3, 4):
        write_buzz(data / f"nonspeech/rooms/rir{room}.flac", 0.1, 100.0 * room)
    write_table(data / "index.csv", rows)
    (tmp_path / "training").mkdir()
    write_table(tmp_path / "training/split.csv", [{"speaker": f"s{n}", "part": "train"} for n in range(4)])
    return replace(
        read,
        name="tiny",
        datasets=("emotion", "speakers"),
        optimisation=replace(read.optimisation, steps=4, hold_steps=2, batch=4, warmup_steps=1, save_every_steps=2),
        loss=replace(read.loss, margin_from=0, margin_until=1, settle_from=2),
        bank=replace(read.bank, scales=(0.9, 1.0), both=("speakers",), room=1.0, telephone=1.0),
        sampling=replace(read.sampling, crop_s=(0.4, 0.8), first_crop_s=0.4, crop_grown=4, late_from=2),
        net=SpeakerNetConfig(embedding=16, mels=16, stem_channels=4, channels=8, blocks="cde", dilations=(1, 2, 1)),
    )


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(recipe: SpeakerRecipe) -> None:
    torch.set_num_threads(1)
    whole, stopped, resumed = (speaker_objective(recipe) for _ in range(3))
    train(whole, recipe.optimisation)
    state = Path("last.pt")
    saved = 0

    def stop_at_the_first() -> None:
        nonlocal saved
        saved += 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stopped, recipe.optimisation, state, stop_at_the_first)
    assert saved == 1
    train(resumed, recipe.optimisation, state)
    for name, tensor in whole.shipped().state_dict().items():
        assert torch.equal(tensor, resumed.shipped().state_dict()[name]), name


def test_every_scale_of_a_speaker_is_a_voice_and_crops_come_in_pairs(recipe: SpeakerRecipe) -> None:
    data = speaker_objective(recipe)._data
    assert data.corpus.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    for step in range(8):
        batch = data.batch(step, 4)
        frames = batch.crop_frames
        assert batch.level_db.shape[1] >= frames
        assert batch.speech.shape == (4, frames // 2)
        assert batch.voice[::2].tolist() == batch.voice[1::2].tolist()
        assert batch.level_db.isfinite().all()
        assert torch.allclose(batch.target.norm(dim=1), torch.ones(4))


def test_the_target_of_an_actor_is_the_same_in_every_mood_and_of_others_also_the_recordings_own(
    recipe: SpeakerRecipe,
) -> None:
    data = speaker_objective(recipe)._data
    by_kind: dict[bool, list[int]] = {True: [], False: []}
    for items in data._items.values():
        targets = {tuple(data._targets[item].tolist()) for item in items}
        by_kind[bool(data.bank.clips[data.bank.clip[items[0]]].emotion)].append(len(targets))
    assert by_kind == {True: [1] * 4, False: [2] * 4}


def test_the_margin_lowers_the_cosine_and_keeps_its_order() -> None:
    cosine = torch.linspace(-0.999, 0.999, 200)
    assert torch.allclose(shifted(cosine, 0.0), cosine, atol=1e-5)
    lowered = shifted(cosine, 0.2)
    assert (lowered < cosine).all()
    assert (lowered.diff() > 0).all()
    assert math.isclose(float(shifted(torch.tensor(0.5), 0.2)), math.cos(math.acos(0.5) + 0.2), abs_tol=1e-5)


def test_moving_the_envelope_moves_a_resonance_and_leaves_the_pitch() -> None:
    at = np.arange(2 * RATE_HZ) / RATE_HZ
    harmonics = np.arange(1, 40) * 100.0
    strength = np.exp(-(((harmonics - 1000) / 300) ** 2))
    voice = (np.sin(2 * np.pi * harmonics[:, None] * at) * strength[:, None]).sum(0).astype(np.float32) * 0.1
    moved = shift_envelope(voice, 1.2)
    spectrum = np.abs(np.fft.rfft(moved[4000:20000] * np.hanning(16000)))
    assert len(moved) == len(voice)
    assert abs(int(spectrum.argmax()) - 1200) <= 100
    assert spectrum[100 * np.arange(9, 14)].min() > 5 * spectrum[100 * np.arange(9, 14) + 50].max()
