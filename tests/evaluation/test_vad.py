"""Mixtures, figures, and an evaluation with a scripted judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.references import Reference, rttm_line
from evaluation.vad import Heard, Sound, evaluate, listen, mixture, noise_row, row, shown, voice_of
from monitor.analysis import Analysis, Missing, Role, Specs, SpeechAnalysis, SpeechSpec, Window
from monitor.events import SpeechEnded
from monitor.session import Session, State
from tests.evaluation.recordings import write_wav
from tests.scripted import conversation, levels_of, silence, voice
from vad.endpointing import Backend, EndpointingConfig
from vad.grid import FRAME_SAMPLES

TURN = Reference("A", 1.0, 3.0)


class Judge:
    """Takes what is loud for speech; `broken`: fails."""

    role, max_batch = Role.SPEECH, 8
    spec = SpeechSpec("scripted-judge", "none", 8000)

    def __init__(self, broken: bool = False) -> None:
        self._broken = broken

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        if self._broken:
            return [Missing.FAILED for _ in windows]
        loudest = [np.abs(window.samples.reshape(-1, FRAME_SAMPLES)).max(axis=1)[20:] for window in windows]
        return [SpeechAnalysis(levels_of(each > 0.02)) for each in loudest]


def heard(speech: list[int], scores: list[float] | None = None, segments: int = 1, judged: int = 0) -> Heard:
    flags = np.array(speech, np.bool_)
    return Heard(np.array(speech if scores is None else scores, np.float32), flags, segments, judged)


def sound(flags: list[int]) -> Sound:
    """A sound of so many ticks, in which somebody speaks where the flags are set."""
    turns = [Reference("A", at * 0.01, (at + 1) * 0.01) for at, flag in enumerate(flags) if flag]
    return Sound("x", np.zeros(len(flags) * 160, np.float32), turns)


def test_the_truth_is_where_anyone_speaks_up_to_the_last_whole_frame() -> None:
    truth = Sound("x", np.zeros(16_000 * 4 + 319, np.float32), [TURN, Reference("B", 2.5, 9.0)]).truth()
    assert len(truth) == 400
    assert np.flatnonzero(np.diff(truth.astype(int))).tolist() == [99]


@pytest.mark.parametrize("snr_db", [20.0, 5.0, -5.0])
def test_a_mixture_has_the_ratio_of_speech_to_noise_asked_for(snr_db: float) -> None:
    clean = Sound("x", np.concatenate([silence(1.0), voice(120, 2.0), silence(1.0)]), [TURN])
    noises = [Sound("hiss", silence(6.0, 1, 0.3)), Sound("hum", silence(2.0, 2, 0.001))]
    mixed = mixture(clean, noises, snr_db, seed=3)
    assert mixed.turns == clean.turns
    assert np.abs(mixed.samples).max() <= 1
    level = float(np.dot(mixed.samples[16_000:48_000], clean.samples[16_000:48_000])) / float(
        np.sum(np.square(clean.samples[16_000:48_000]))
    )
    noise = mixed.samples - level * clean.samples
    speech = level * clean.samples[16_000:48_000]
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.3)


def test_a_mixture_follows_from_its_seed() -> None:
    clean = Sound("x", voice(120, 3.0), [TURN])
    noises = [Sound(str(seed), silence(5.0, seed, 0.1)) for seed in range(9)]
    one, same, other = (mixture(clean, noises, 10.0, seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


def test_precision_recall_and_false_speech_are_counted_in_ticks() -> None:
    truth, said = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]
    found = row([sound(truth), sound(truth)], [heard(said, judged=2), heard(said, judged=1)])
    assert found["precision"] == pytest.approx(0.75)
    assert found["recall"] == pytest.approx(0.75)
    assert found["f1"] == pytest.approx(0.75)
    assert found["false_speech_s_per_hour"] == pytest.approx(3600 / 6)
    assert found["judged"] == pytest.approx(3 * 2 / 20)


def test_the_area_under_the_curve_is_that_of_the_scores_not_of_the_segments() -> None:
    truth, said = [1, 1, 0, 0], [0, 0, 1, 1]
    assert row([sound(truth)], [heard(said, [0.9, 0.3, 0.4, 0.1])])["roc_auc"] == pytest.approx(0.75)


def test_where_nothing_is_said_to_be_speech_there_is_no_precision() -> None:
    found = row([sound([1, 0])], [heard([0, 0], segments=0)])
    assert (found["precision"], found["recall"], found["f1"]) == (None, 0.0, None)


def test_false_speech_on_noise_is_told_as_a_share_and_per_hour() -> None:
    found = noise_row([sound([0] * 10)], [heard([1] + [0] * 9)])
    assert found["false_speech"] == pytest.approx(0.1)
    assert found["false_speech_s_per_hour"] == pytest.approx(360)
    assert found["segments_per_hour"] == pytest.approx(36_000)


@pytest.mark.parametrize("backend", ["webrtcvad", "silero", "cascade"])
def test_what_is_heard_is_what_a_call_says(backend: Backend) -> None:
    audio, config = conversation(), EndpointingConfig(backend=backend)
    call = Session("x", ("mixed",), Specs(speech=Judge.spec), transport="test", endpointing=config)
    call.receive_audio(0, audio)
    call.finish("finished")
    while call.state is not State.ENDED:
        for window in call.take_windows():
            call.receive_analysis(window.number, Judge().analyse([window])[0])
    expected = np.zeros(len(audio) // FRAME_SAMPLES * 2, np.bool_)
    events = [event for event in call.take_events() if isinstance(event, SpeechEnded)]
    for event in events:
        expected[round(event.start_s * 100) : round(event.t * 100)] = True
    (found,) = listen([Sound("x", audio)], config, Judge())
    assert found.segments == len(events) > 3
    np.testing.assert_array_equal(found.speech, expected)


def test_only_what_the_gate_lets_pass_is_judged() -> None:
    audio = Sound("x", np.concatenate([silence(2.0, level=0.003), voice(110, 2.0)]))
    (cascade,) = listen([audio], EndpointingConfig(backend="cascade"), Judge())
    (everything,) = listen([audio], EndpointingConfig(backend="silero"), Judge())
    assert everything.judged == 200
    assert 90 <= cascade.judged <= 120


def test_a_judge_that_fails_is_no_figure() -> None:
    with pytest.raises(ValueError, match="scripted-judge failed"):
        listen([Sound("x", voice(110, 1.0))], EndpointingConfig(backend="silero"), Judge(broken=True))


def test_voices_among_the_noises_are_known_by_name() -> None:
    assert voice_of("baby_cry__1-187207-A") == "crying babies"
    assert voice_of("rain__1-17367-A") is None


def test_an_evaluation_mixes_every_conversation_and_keeps_voices_apart(tmp_path: Path) -> None:
    write_wav(tmp_path / "talk" / "call.wav", np.concatenate([silence(1.0), voice(120, 2.0), silence(1.0)]))
    (tmp_path / "talk" / "call.rttm").write_text(rttm_line("call", TURN))
    noises = tmp_path / "noise"
    for name in ("rain__1", "rain__2", "baby_cry__1"):
        write_wav(noises / "clips" / f"{name}.wav", voice(200, 2.0, level=0.1 if "baby" in name else 0.01))
    write_wav(noises / "rooms" / "hall.wav", voice(200, 2.0))
    results = evaluate(tmp_path / "talk", noises, EndpointingConfig(backend="silero"), Judge())
    assert list(results["speech"]) == ["clean", "20 dB", "10 dB", "5 dB"]
    assert results["speech"]["clean"]["recall"] > 0.95
    assert list(results["recordings"]) == ["call"]
    nonspeech = results["nonspeech"]
    assert {name: found["files"] for name, found in nonspeech.items()} == {
        "nobody's voice": 2,
        "a voice: crying babies": 1,
        "rain": 2,
        "baby_cry": 1,
    }
    assert nonspeech["nobody's voice"]["false_speech"] == 0
    assert nonspeech["a voice: crying babies"]["false_speech"] > 0.9
    assert len(list(shown(results))) == 4


def test_without_noises_only_the_conversations_are_evaluated(tmp_path: Path) -> None:
    write_wav(tmp_path / "call.wav", voice(120, 2.0))
    (tmp_path / "call.rttm").write_text(rttm_line("call", Reference("A", 0.0, 2.0)))
    results = evaluate(tmp_path, None, EndpointingConfig(backend="webrtcvad"), None)
    assert (list(results["speech"]), results["model"], "nonspeech" in results) == (["clean"], None, False)
