"""What is said where nobody speaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation import nonspeech
from evaluation.nonspeech import category
from monitor.analysis import Role
from stream_server.settings import Settings
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import silence, voice
from vad.endpointing import EndpointingConfig


def test_silence_has_no_emotion_and_a_buzz_that_passes_for_speech_has_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "quiet" / "a.wav", silence(4.0))
    write_wav(tmp_path / "rain__1.wav", silence(3.0, level=1e-3))
    write_wav(tmp_path / "buzz" / "b.wav", voice(140, 6.0, level=0.9))
    settings = Settings(vad=EndpointingConfig())
    found = nonspeech.evaluate(tmp_path, {Role.EMOTION: ScriptedModel(Role.EMOTION)}, settings)["categories"]
    assert set(found) == {"quiet", "rain", "buzz", "all"}
    assert found["quiet"]["usable"] == found["rain"]["usable"] == 0.0
    assert found["buzz"]["usable"] > 0.7
    assert found["buzz"]["minutes"] == pytest.approx(0.1)
    assert found["all"]["usable"] == pytest.approx(found["buzz"]["usable"] * 6 / 13)


def test_categories_are_folders_or_what_names_begin_with() -> None:
    assert category(Path("/n/music/waltz.ogg"), Path("/n")) == "music"
    assert category(Path("/n/esc/cough__12.ogg"), Path("/n")) == "cough"
    assert category(Path("/n/hum.ogg"), Path("/n")) == "n"
