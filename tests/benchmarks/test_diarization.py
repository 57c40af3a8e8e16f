"""References, results, and an evaluation with a scripted model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.diarization import evaluate
from benchmarks.recordings import Recording, Reference, read_rttm
from benchmarks.scores import Result, pooled
from monitor.analysis import Role
from stream_server.settings import Settings
from tests.benchmarks.test_caching import CountingModel
from tests.scripted import silence, voice

RTTM = """SPEAKER call 1 2.000 1.500 <NA> <NA> B <NA> <NA>
;; a comment
SPEAKER call 1 0.500 1.000 <NA> <NA> A <NA> <NA>
"""


def result(name: str, matched: int, speech_s: float, confusion_s: float) -> Result:
    return Result(name, 4, 5, matched, speech_s, confusion_s, 0.0, 0.0, 2, 3, (0.5, 1.5))


def test_rttm_lines_become_turns_in_order() -> None:
    assert read_rttm(RTTM) == [Reference("A", 0.5, 1.5), Reference("B", 2.0, 3.5)]


def test_a_broken_rttm_line_is_named() -> None:
    with pytest.raises(ValueError, match="SPEAKER call 1"):
        read_rttm("SPEAKER call 1\n")


def test_pooling_weighs_recordings_by_their_speech() -> None:
    both = pooled([result("a", 4, 10.0, 5.0), result("b", 0, 90.0, 0.0)])
    assert both.der == pytest.approx(0.05)
    assert (both.precision, both.recall) == (0.4, 0.5)
    assert both.latencies_s == (0.5, 1.5, 0.5, 1.5)


def test_a_recording_without_speech_has_no_error_rate_to_speak_of() -> None:
    assert result("empty", 0, 0.0, 0.0).der == 0.0


def test_parties_on_channels_of_their_own_need_no_model_to_be_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("pyannote.metrics", reason="dependency group evaluate")
    left = np.concatenate([silence(0.5, 1), voice(120, 2.0, 2), silence(3.0, 3)])
    right = np.concatenate([silence(3.0, 4), voice(200, 2.0, 5), silence(0.5, 6)])
    soundfile.write(tmp_path / "call.wav", np.stack([left, right], axis=1), 16_000)
    (tmp_path / "call.rttm").write_text(
        "SPEAKER call 1 0.5 2.0 <NA> <NA> agent <NA> <NA>\nSPEAKER call 1 3.0 2.0 <NA> <NA> customer <NA> <NA>\n"
    )
    call = Recording("call", tmp_path / "call.wav", tmp_path / "call.rttm", ("agent", "customer"))
    heard = evaluate(call, {Role.SPEAKER: CountingModel()}, Settings())
    assert (heard.expected_changes, heard.found_changes, heard.matched_changes) == (1, 1, 1)
    assert heard.found_speakers == 2
    assert heard.der < 0.25
    assert len(heard.latencies_s) == 1
    assert 0.0 < heard.latencies_s[0] < 0.5
