"""Voices in recordings: speech only, whatever the blocks and the company, and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from inference.loading import load
from monitor.analysis import Analysis, Role, Window
from tests.evaluation.recordings import ScriptedModel
from tests.scripted import SPEECH, silence, voice
from tests.workbench.scripted import ENDPOINTING, ears, recording
from vad.endpointing import EndpointingConfig
from vad.pcm import Samples
from workbench import media
from workbench.listening import SIDE_BY_SIDE, Audio
from workbench.speakers import Ears, Unheard, Voice


def talk(pitch_hz: float = 110, seed: int = 0) -> Samples:
    parts = [silence(0.8, seed), voice(pitch_hz, 2.5, seed), silence(0.9, seed + 1), voice(pitch_hz, 2.0, seed + 2)]
    return np.concatenate([*parts, silence(0.7, seed + 3)])


def heard(samples: Samples, block: int = 8000) -> Voice:
    (found,) = ears().hear([recording("talk", samples, block)])
    assert isinstance(found, Voice)
    return found


@pytest.mark.parametrize("block", [1000, 8000, 200_000])
def test_the_size_of_the_blocks_does_not_matter(block: int) -> None:
    whole, cut = heard(talk()), heard(talk(), block)
    assert cut.vector == pytest.approx(whole.vector, abs=1e-6)
    assert cut.quality == whole.quality


def test_many_at_once_are_heard_as_each_alone() -> None:
    pitches = [100 + 5 * number for number in range(SIDE_BY_SIDE + 5)]
    recordings = [recording(f"{pitch}", talk(pitch, pitch)) for pitch in pitches]
    found = {each.name: each for each in ears().hear(recordings)}
    assert len(found) == len(pitches)
    for pitch in pitches[::9]:
        together = found[f"{pitch}"]
        assert isinstance(together, Voice)
        assert together.vector == pytest.approx(heard(talk(pitch, pitch)).vector, abs=1e-6)


def test_only_speech_counts() -> None:
    found = heard(talk())
    assert found.quality.duration_s == pytest.approx(6.9, abs=0.01)
    assert found.quality.speech_s == pytest.approx(4.5, abs=0.6)
    assert found.windows == pytest.approx(found.quality.speech_s / 1.5, abs=0.4)
    assert np.linalg.norm(found.vector) == pytest.approx(1.0)


def test_a_recording_without_speech_is_said_to_be_one() -> None:
    (found,) = ears().hear([recording("quiet", silence(3.0))])
    assert isinstance(found, Unheard)
    assert found.failure.code == "no_speech"
    assert found.failure.reason.text == "Nobody speaks in it: 0.0 s of speech in 3.0 s."


def test_an_empty_recording_spoils_nothing() -> None:
    found = list(ears().hear([recording("empty", silence(0.0)), recording("talk", talk())]))
    assert {each.name: type(each) for each in found} == {"empty": Unheard, "talk": Voice}


def test_what_is_wrong_is_said() -> None:
    def problems(samples: Samples) -> set[str]:
        return {problem.key for problem in heard(samples).quality.problems}

    assert problems(talk()) == set()
    assert problems(np.clip(talk() * 20, -1, 1)) == {"voice.clipped"}
    noise = np.random.default_rng(0).normal(0, 0.03, len(talk())).astype(np.float32)
    assert "voice.noisy" in problems(talk() + noise)
    assert "voice.little_speech" in problems(np.concatenate([silence(1.0), voice(110, 1.2), silence(1.0)]))
    two = np.concatenate([talk(110), talk(250, 7), talk(110, 9), talk(250, 11)])
    assert "voice.several" in problems(two)


def test_the_model_must_hear_voices() -> None:
    with pytest.raises(TypeError, match="is no speaker model"):
        Ears(ScriptedModel(Role.EMOTION), None, ENDPOINTING)


def test_real_speakers_are_nearer_to_themselves_than_to_others(recordings: Path) -> None:
    """Held out of training; each speaker's first recordings, all of them in one go, in mixed order."""
    models = load("none", "undertone-speaker-small", "cpu", speech=True)
    names = ["1688", "1998", "2033", "2414", "2609"]
    folder = recordings / "speakers" / "librispeech"
    paths = [path for name in names for path in islice(sorted(folder.glob(f"*__{name}__*")), 4)]
    hearing = Ears(models[Role.SPEAKER], models[Role.SPEECH])
    found = hearing.hear(Audio(path.name, (block[0] for block in media.read(path, 1))) for path in paths)
    by_name = {voice.name: voice for voice in found if isinstance(voice, Voice)}
    vectors = np.array([by_name[path.name].vector for path in paths])
    cosines = vectors @ vectors.T
    own = np.kron(np.eye(len(names)), np.ones((4, 4))) - np.eye(len(paths))
    assert cosines[own > 0].mean() > 0.55
    assert cosines[np.kron(np.eye(len(names)), np.ones((4, 4))) == 0].mean() < 0.25


class Failing(ScriptedModel):
    """Fails on every batch that holds a window of a certain loudness."""

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        if any(np.abs(window.samples).max() > 0.5 for window in windows):
            raise RuntimeError("out of memory")
        return super().analyse(windows)


def test_a_recording_that_the_model_fails_on_spoils_no_other() -> None:
    pitches = (100, 150, 200)
    loud = 2 * talk(150, 150)
    failing = Ears(Failing(Role.SPEAKER), None, ENDPOINTING)
    recordings = [recording(f"{pitch}", loud if pitch == 150 else talk(pitch, pitch)) for pitch in pitches]
    found = {each.name: each for each in failing.hear(recordings)}
    bad = found.pop("150")
    assert isinstance(bad, Unheard)
    assert bad.failure.code == "model"
    for name, each in found.items():
        assert isinstance(each, Voice)
        assert each.vector == pytest.approx(heard(talk(int(name), int(name))).vector, abs=1e-6)


class Judge:
    """A judge of speech that fails."""

    role, spec, max_batch, overlap_samples = Role.SPEECH, SPEECH, 8, None

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        assert len(windows) <= self.max_batch
        raise RuntimeError("out of memory")


def test_where_the_judge_of_speech_fails_the_gate_decides() -> None:
    judged = Ears(ScriptedModel(Role.SPEAKER), Judge(), EndpointingConfig("cascade"))
    found = list(judged.hear(recording(f"{number}", talk(110, number)) for number in range(10)))
    assert all(isinstance(each, Voice) for each in found)
