"""WebRTC's gate as we use it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.scripted import silence, voice
from vad.detector import SILENCE, SilenceGate, WebrtcDetector
from vad.pcm import Encoding, PcmDecoder


def test_there_is_one_answer_per_frame() -> None:
    assert len(WebrtcDetector(3).feed(silence(0.2))) == 10


def test_silence_is_not_speech() -> None:
    assert not any(WebrtcDetector(3).feed(silence(2.0)))


def test_a_voice_is_speech() -> None:
    assert WebrtcDetector(3).feed(voice(110, 2.0)).count(255) > 80


def test_the_detector_remembers_between_chunks() -> None:
    audio = np.concatenate([silence(0.4), voice(110, 0.4), silence(0.4)])
    whole, cut = WebrtcDetector(3), WebrtcDetector(3)
    parts = [cut.feed(audio[at : at + 640]) for at in range(0, len(audio), 640)]
    assert b"".join(parts) == whole.feed(audio)


def test_beyond_full_scale_nothing_wraps_around() -> None:
    over, full = voice(110, 1.0, level=1.9), np.clip(voice(110, 1.0, level=1.9), -1, 1)
    assert WebrtcDetector(3).feed(over) == WebrtcDetector(3).feed(full)


def test_a_part_of_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="321 samples are not whole frames of 320"):
        WebrtcDetector(3).feed(np.zeros(321, np.float32))


def test_the_silence_gate_stops_silence_only() -> None:
    faint = np.zeros(320, np.float32)
    faint[7] = -SILENCE
    assert SilenceGate().feed(np.concatenate([np.zeros(320, np.float32), faint, faint / 2])) == bytes([0, 255, 0])


def test_an_idle_telephone_line_is_silence() -> None:
    for encoding, zero in ((Encoding.MULAW, 0xFF), (Encoding.ALAW, 0xD5)):
        idle = PcmDecoder(encoding, 1).feed(bytes([zero]) * 320)[0]
        assert not any(SilenceGate().feed(idle))
