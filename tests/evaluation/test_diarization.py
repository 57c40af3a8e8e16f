"""References, outcomes, and an evaluation with a scripted model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyannote.metrics", reason="extra evaluate")

from evaluation.diarization import Outcome, compared, evaluate, pooled, run
from evaluation.manifest import EvaluationError
from evaluation.references import Recording, Reference, conversations, read_rttm, rttm_line
from monitor.analysis import Role
from stream_server.settings import Settings
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import conversation, silence, voice
from vad.endpointing import EndpointingConfig

RTTM = """SPEAKER call 1 2.000 1.500 <NA> <NA> B <NA> <NA>
;; a comment
SPEAKER call 1 0.500 1.000 <NA> <NA> A <NA> <NA>
"""
TURNS = [Reference("A", 0.0, 4.0), Reference("B", 4.0, 8.0), Reference("A", 8.0, 10.0)]


def test_rttm_lines_become_turns_in_order() -> None:
    assert read_rttm(RTTM) == [Reference("A", 0.5, 1.5), Reference("B", 2.0, 3.5)]
    assert read_rttm(rttm_line("call", Reference("an agent", 0.5, 1.5))) == [Reference("an_agent", 0.5, 1.5)]


def test_a_broken_rttm_line_is_named() -> None:
    with pytest.raises(ValueError, match="SPEAKER call 1"):
        read_rttm("SPEAKER call 1\n")


def test_the_reference_itself_is_perfect_whatever_the_names() -> None:
    said = [Reference({"A": "S1", "B": "S2"}[turn.speaker], turn.start, turn.end) for turn in TURNS]
    found = compared("call", TURNS, said, [(4.0, 5.0), (8.0, 8.5)], 10.0).document()
    assert (found["der"], found["purity"], found["coverage"], found["change_f1"]) == (0.0, 1.0, 1.0, 1.0)
    assert found["latency_s_p50"] == pytest.approx(0.75)
    assert found["latency_s_p95"] == pytest.approx(0.975)


def test_one_speaker_for_all_covers_but_is_not_pure() -> None:
    found = compared("call", TURNS, [Reference("S1", 0.0, 10.0)], [], 10.0).document()
    assert found["der"] == pytest.approx(0.4)
    assert found["purity"] == pytest.approx(0.6)
    assert found["coverage"] == pytest.approx(1.0)
    assert (found["change_precision"], found["change_recall"]) == (0.0, 0.0)
    assert found["latency_s_p50"] is None


def test_speech_missed_invented_and_spoken_at_once_are_counted_without_a_collar() -> None:
    there = [Reference("A", 0.0, 4.0), Reference("B", 3.0, 6.0)]
    found = compared("call", there, [Reference("S1", 0.0, 3.9), Reference("S2", 4.0, 6.5)], [], 7.0).document()
    assert found["missed"] == pytest.approx((0.1 + 1.0) / 7.0)
    assert found["false_alarm"] == pytest.approx(0.5 / 7.0)


def test_a_change_is_as_late_as_its_telling_not_as_that_of_another() -> None:
    said = [Reference("S1", 0.0, 4.2), Reference("S2", 4.2, 8.0), Reference("S1", 8.0, 10.0)]
    found = compared("call", TURNS, said, [(8.0, 8.9), (4.2, 9.5)], 10.0)
    assert found.latencies_s == pytest.approx((5.5, 0.9))


def outcome(name: str, matched: int, speech_s: float, confusion_s: float) -> Outcome:
    return Outcome(name, 4, 5, matched, speech_s, confusion_s, 0.0, 0.0, 1.0, 2.0, 1.0, 4.0, 2, 3, (0.5, 1.5))


def test_pooling_weighs_recordings_by_their_speech() -> None:
    both = pooled([outcome("a", 4, 10.0, 5.0), outcome("b", 0, 90.0, 0.0)])
    assert both.der == pytest.approx(0.05)
    assert (both.precision, both.recall) == (0.4, 0.5)
    assert (both.document()["purity"], both.document()["coverage"]) == (0.5, 0.25)
    assert both.latencies_s == (0.5, 1.5, 0.5, 1.5)


def test_where_nothing_is_to_be_found_and_nothing_is_found_all_is_well() -> None:
    assert compared("empty", [], [], [], 10.0).document()["change_f1"] == 1.0
    assert compared("empty", [], TURNS, [], 10.0).document()["change_precision"] == 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    left = np.concatenate([silence(0.5, 1), voice(120, 2.0, 2), silence(3.0, 3)])
    right = np.concatenate([silence(3.0, 4), voice(200, 2.0, 5), silence(0.5, 6)])
    write_wav(tmp_path / "call_stereo.wav", left, right)
    write_wav(tmp_path / "call.wav", left + right)
    write_wav(tmp_path / "alone.wav", left)
    (tmp_path / "call.rttm").write_text(
        "SPEAKER call 1 0.5 2.0 <NA> <NA> agent <NA> <NA>\nSPEAKER call 1 3.0 2.0 <NA> <NA> customer <NA> <NA>\n"
    )
    return tmp_path


def test_parties_on_channels_of_their_own_need_no_model_to_be_told_apart(folder: Path) -> None:
    call = Recording("call", folder / "call_stereo.wav", folder / "call.rttm", ("agent", "customer"))
    heard = run(call, {}, Settings(vad=EndpointingConfig()))
    assert (heard.expected_changes, heard.found_changes, heard.matched_changes) == (1, 1, 1)
    assert heard.found_speakers == 2
    assert heard.der < 0.25
    assert len(heard.latencies_s) == 1
    assert 0.0 < heard.latencies_s[0] < 0.5


def test_conversations_are_what_has_a_reference_and_stereo_shares_that_of_its_mix(folder: Path) -> None:
    (folder / "groups.csv").write_text("name,group\ncall,telephone\nelse,wideband\n")
    stereo, mono = sorted(conversations(folder), key=lambda recording: recording.name, reverse=True)
    assert (mono.name, mono.roles, mono.groups) == ("call", ("mixed",), ("one channel", "telephone"))
    assert (stereo.name, stereo.rttm, stereo.groups) == ("call_stereo", folder / "call.rttm", ("channels apart",))
    assert len(stereo.roles) == 2


def test_a_folder_is_evaluated_and_pooled_by_kind(folder: Path) -> None:
    found = evaluate(folder, {Role.SPEAKER: ScriptedModel(Role.SPEAKER)}, Settings(vad=EndpointingConfig()))
    assert set(found["recordings"]) == {"call", "call_stereo"}
    assert set(found["pooled"]) == {"one channel", "channels apart"}
    assert found["models"] == {"speaker": "scripted-speaker"}


def test_two_voices_in_a_mix_are_found_by_the_scripted_model(tmp_path: Path) -> None:
    write_wav(tmp_path / "talk.wav", conversation())
    turns = [("A", 0.7, 4.6), ("B", 6.4, 4.2), ("A", 11.2, 0.4), ("B", 12.1, 2.5), ("A", 18.6, 3.3), ("B", 21.9, 2.0)]
    lines = [f"SPEAKER talk 1 {start} {length} <NA> <NA> {who} <NA> <NA>\n" for who, start, length in turns]
    (tmp_path / "talk.rttm").write_text("".join(lines))
    found = evaluate(tmp_path, {Role.SPEAKER: ScriptedModel(Role.SPEAKER)}, Settings(vad=EndpointingConfig()))
    row = found["recordings"]["talk"]
    assert row["speakers"] == {"expected": 2, "found": 2}
    assert row["purity"] > 0.9


def test_what_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"call: .*gone\.wav"):
        run(Recording("call", folder / "gone.wav", folder / "call.rttm"), {}, Settings())
    (folder / "call.rttm").write_text("SPEAKER call\n")
    with pytest.raises(EvaluationError, match="call: not an RTTM line"):
        run(Recording("call", folder / "call.wav", folder / "call.rttm"), {}, Settings())
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"no audio file there has an \.rttm file"):
        conversations(tmp_path / "empty")
