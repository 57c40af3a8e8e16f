"""Audio as bytes on the wire."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.caller import Wire, chunks, mulaw
from tests.scripted import voice
from vad.pcm import Encoding, PcmDecoder

TELEPHONE = Wire(Encoding.MULAW, 8000)


def test_mu_law_survives_the_way_there_and_back_as_well_as_8_bits_let_it() -> None:
    audio = np.linspace(-1.0, 1.0, 4001, dtype=np.float32)
    back = PcmDecoder(Encoding.MULAW, 1).feed(mulaw(audio).tobytes())[0]
    assert np.all(np.abs(back - audio) <= np.abs(audio) / 16 + 1e-3)


def test_the_codes_of_the_decoder_encode_to_themselves() -> None:
    codes = np.arange(256, dtype=np.uint8)
    values = PcmDecoder(Encoding.MULAW, 1).feed(codes.tobytes())[0]
    again = PcmDecoder(Encoding.MULAW, 1).feed(mulaw(values).tobytes())[0]
    np.testing.assert_array_equal(again, values)


@pytest.mark.parametrize(("wire", "expected"), [(Wire(), 64_000), (TELEPHONE, 16_000)])
def test_two_seconds_take_as_many_bytes_as_the_wire_says(wire: Wire, expected: int) -> None:
    assert len(wire.encode(voice(120, 2.0))) == expected == 2 * wire.second_bytes


def test_chunks_are_all_there_is_and_say_where_they_end() -> None:
    data = bytes(range(256)) * 10
    cut = list(chunks(data, TELEPHONE, 0.1))
    assert b"".join(chunk for _, chunk in cut) == data
    assert [position for position, _ in cut] == [pytest.approx(at) for at in (0.1, 0.2, 0.3, 0.32)]


def test_an_encoding_that_is_not_sent_here_is_said_so() -> None:
    with pytest.raises(ValueError, match="alaw is not sent"):
        Wire(Encoding.ALAW, 8000).encode(voice(120, 0.1))


def test_a_stream_s_address_says_how_it_is_encoded() -> None:
    url = TELEPHONE.url("http://127.0.0.1:8000", channels="1")
    assert url == "ws://127.0.0.1:8000/v1/stream?encoding=mulaw&sample_rate=8000&channels=1"
