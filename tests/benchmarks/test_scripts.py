"""What callers play."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.caller import Wire
from benchmarks.messages import BINARY, from_server
from benchmarks.scripts import Form, Script, cuts, heard, hushed
from tests.scripted import voice
from vad.pcm import Encoding

TELEPHONE = Wire(Encoding.MULAW, 8000)
APART = Form(channels=2)


def test_two_channels_are_interleaved_and_heard_apart() -> None:
    audio = np.stack([voice(120, 1.0), voice(240, 1.0)])
    back = np.concatenate(list(heard(APART.encode(audio), APART)), axis=1)
    np.testing.assert_allclose(back, audio, atol=1e-4)


def test_what_is_heard_of_a_telephone_is_as_long_as_what_was_said() -> None:
    form = Form(TELEPHONE)
    back = np.concatenate(list(heard(form.encode(voice(120, 2.0)[None]), form)), axis=1)
    assert back.shape[0] == 1
    assert abs(back.shape[1] - 32_000) <= 2


@pytest.mark.parametrize(
    ("form", "size", "count"),
    [(Form(), 3200, 10), (Form(TELEPHONE, chunk_s=0.02), 160, 50), (APART, 6400, 10)],
)
def test_a_script_s_messages_are_its_audio_in_order(form: Form, size: int, count: int) -> None:
    data = form.encode(np.stack([voice(120, 1.0)] * form.channels))
    script = Script.of(data, form)
    assert script.seconds == pytest.approx(1.0)
    assert script.ends_s == pytest.approx([(at + 1) / count for at in range(count)])
    masked = [bytearray(message) for message in script.messages]
    pieces = []
    for message in masked:
        header = len(from_server(BINARY, bytes(size))) - size
        key, payload = message[header : header + 4], message[header + 4 :]
        pieces.append(bytes(byte ^ key[at % 4] for at, byte in enumerate(payload)))
    assert b"".join(pieces) == data


def test_a_last_message_may_be_shorter() -> None:
    script = Script.of(bytes(32_000), Form(chunk_s=0.07))
    assert len(script.messages) == 15
    assert script.ends_s[-2:] == pytest.approx([0.98, 1.0])


def test_pieces_come_from_all_sources_by_their_length_and_begin_anew_behind_the_end() -> None:
    long, short = np.full((1, 48_000), 0.25, np.float32), np.full((1, 16_000), 0.75, np.float32)
    pieces = cuts([long, short], 4, 2.0)
    assert [piece.shape for piece in pieces] == [(1, 32_000)] * 4
    assert [float(piece.mean()) for piece in pieces] == [0.25, 0.25, 0.25, 0.75]
    ramp = np.arange(16_000, dtype=np.float32)[None]
    (piece,) = cuts([ramp], 1, 1.0)
    np.testing.assert_array_equal(piece[0, :3], [8000, 8001, 8002])
    np.testing.assert_array_equal(piece[0, 8000:8002], [0, 1])


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_at_any_time_the_asked_share_of_calls_is_silent(share: float) -> None:
    speech = np.full((1, 60 * 16_000), 0.5, np.float32)
    count = 8
    silent = np.stack([hushed(speech, share, at / count, at)[0] < 0.1 for at in range(count)])
    np.testing.assert_allclose(silent.mean(axis=1), share, atol=0.001)
    assert set(silent.sum(axis=0)) == {round(share * count)}
    stretches = (silent & ~np.roll(silent, 1, axis=1)).sum(axis=1)
    assert set(60 * share / stretches) == {15.0}


def test_the_noise_in_place_of_speech_is_faint() -> None:
    noise = hushed(np.full((1, 16_000), 0.5, np.float32), 1.0, 0.0, 1)
    assert 20 * np.log10(noise.std()) == pytest.approx(-84, abs=1)


def test_nothing_is_hushed_unless_asked() -> None:
    audio = voice(120, 1.0)[None]
    np.testing.assert_array_equal(hushed(audio, 0.0, 0.3, 1), audio)
