"""The teacher that the speaker network learns from, without its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import teacher
from training.corpus import FRAME_SAMPLES


def test_filters_have_equal_area_and_the_centres_of_slaneys_scale() -> None:
    filters = teacher.slaney_filters()
    assert filters.shape == (201, teacher.MELS)
    # Coarse bins sample the narrow triangles badly, wide ones well.
    assert torch.allclose(filters[:, 25:].sum(0) * 40, torch.ones(15), atol=0.02)
    hz = torch.arange(201)[:, None] * 40.0
    centres = (filters * hz).sum(0) / filters.sum(0)
    # Worked out by hand: 41 equal steps of (15 + 27 ln 8 / ln 6.4) / 41 mel, 66.7 Hz each below 1 kHz.
    mel = (15 + 27 * np.log(8) / np.log(6.4)) / 41
    assert float(centres[9]) == pytest.approx(10 * mel * 200 / 3, abs=12)
    assert float(centres[-2]) == pytest.approx(1000 * np.exp((39 * mel - 15) * np.log(6.4) / 27), rel=0.01)


def test_quiet_speech_is_raised_and_loud_speech_left() -> None:
    untaught = teacher.Teacher()
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    level = 10 ** (teacher.LOUDNESS_DB / 20)
    at_level = untaught.parts(noise * np.float32(level / noise.std()))
    assert torch.allclose(untaught.parts(noise * np.float32(0.001)), at_level, rtol=1e-3)
    assert float(untaught.parts(noise * np.float32(0.5)).mean()) > 10 * float(at_level.mean())


@pytest.mark.parametrize(("seconds", "parts"), [(0.5, 1), (1.6, 1), (2.5, 1), (2.9, 2), (4.5, 3)])
def test_audio_is_cut_into_parts_of_1600_ms(seconds: float, parts: int) -> None:
    audio = np.full(int(seconds * 16_000), 0.1, np.float32)
    assert teacher.Teacher().parts(audio).shape == (parts, teacher.PART_FRAMES, teacher.MELS)


def test_what_lies_far_from_speech_is_left_out() -> None:
    speech = np.zeros(100, np.bool_)
    speech[40:50] = True
    audio = np.repeat(np.arange(100, dtype=np.float32), FRAME_SAMPLES)
    kept = teacher.spoken(audio, speech)[::FRAME_SAMPLES]
    assert kept.tolist() == list(range(40 - teacher.PAUSE_FRAMES, 50 + teacher.PAUSE_FRAMES))


def test_a_voice_is_the_mean_over_its_parts() -> None:
    torch.manual_seed(0)
    untaught = teacher.Teacher().eval()
    rng = np.random.default_rng(0)
    long, short = (rng.standard_normal(count).astype(np.float32) * 0.1 for count in (51_200, 20_000))
    found = teacher.embeddings(untaught, [long, short])
    with torch.inference_mode():
        expected = untaught(untaught.parts(long)).mean(0)
    assert found.shape == (2, teacher.CELLS)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_absent_and_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        def locate_file(self, name: str) -> Path:
            return tmp_path / name

    monkeypatch.setattr(teacher, "distribution", lambda _: Installed())
    with pytest.raises(RuntimeError, match=r"not installed: pip install --no-deps resemblyzer==0\.1\.4"):
        teacher.load_teacher()
    (tmp_path / "resemblyzer").mkdir()
    (tmp_path / "resemblyzer/pretrained.pt").write_bytes(b"other")
    with pytest.raises(RuntimeError, match="is not of resemblyzer"):
        teacher.load_teacher()
