"""Bytes of every encoding become the samples that the standards say, however they are cut."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import pieces
from vad.pcm import SAMPLE_BYTES, Encoding, PcmDecoder, Samples

ALL_CODES = bytes(range(256))


def decoded(data: bytes, encoding: Encoding, channels: int = 1) -> Samples:
    return PcmDecoder(encoding, channels).feed(data)


def as_s16(codes: bytes, encoding: Encoding) -> list[int]:
    return [int(value) for value in decoded(codes, encoding)[0] * 32768]


def mulaw_encoded(value: int) -> int:
    """G.711 mu-law: sign, position of the highest bit of the biased magnitude, the four bits below; inverted."""
    biased = min(abs(value), 32_635) + 132
    exponent = biased.bit_length() - 8
    return ~((0x80 if value < 0 else 0) | exponent << 4 | (biased >> exponent + 3) & 0x0F) & 0xFF


def alaw_encoded(value: int) -> int:
    """G.711 A-law of a 16-bit value: sign, position of the highest bit, the four bits below; even bits inverted."""
    magnitude = min(abs(value), 32_767) >> 4
    exponent = max(0, magnitude.bit_length() - 4)
    return ((0x80 if value >= 0 else 0) | exponent << 4 | (magnitude >> max(0, exponent - 1)) & 0x0F) ^ 0x55


ENCODERS = {Encoding.MULAW: mulaw_encoded, Encoding.ALAW: alaw_encoded}


@pytest.mark.parametrize(
    ("raw", "value"),
    [(0, 0.0), (1, 2**-15), (16_384, 0.5), (32_767, 32_767 / 32_768), (-16_384, -0.5), (-32_768, -1.0)],
)
def test_s16_is_little_endian_and_full_scale_is_one(raw: int, value: float) -> None:
    assert decoded(raw.to_bytes(2, "little", signed=True), Encoding.PCM_S16LE).tolist() == [[value]]


def test_f32_is_taken_as_it_is() -> None:
    values = np.array([0.0, 0.25, -1.0, 1.0, 1e-7], "<f4")
    np.testing.assert_array_equal(decoded(values.tobytes(), Encoding.PCM_F32LE)[0], values)


def test_f32_beyond_full_scale_is_clipped() -> None:
    values = np.array([1.5, -3.0, 0.5], "<f4")
    assert decoded(values.tobytes(), Encoding.PCM_F32LE).tolist() == [[1.0, -1.0, 0.5]]


def test_nan_and_infinity_become_zero_and_are_counted() -> None:
    decoder = PcmDecoder(Encoding.PCM_F32LE, 1)
    first = decoder.feed(np.array([np.nan, 0.5, np.inf], "<f4").tobytes())
    second = decoder.feed(np.array([-np.inf, -0.5], "<f4").tobytes())
    assert first.tolist() == [[0.0, 0.5, 0.0]]
    assert second.tolist() == [[0.0, -0.5]]
    assert decoder.not_finite_samples == 3


@pytest.mark.parametrize(
    ("code", "value"), [(0xFF, 0), (0x7F, 0), (0x80, 32_124), (0x00, -32_124), (0xFE, 8), (0xEF, 132), (0x8F, 16_764)]
)
def test_mulaw_has_the_values_of_g711(code: int, value: int) -> None:
    assert as_s16(bytes([code]), Encoding.MULAW) == [value]


@pytest.mark.parametrize(
    ("code", "value"), [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0xD4, 24), (0xC5, 264), (0xBA, 16_128)]
)
def test_alaw_has_the_values_of_g711(code: int, value: int) -> None:
    assert as_s16(bytes([code]), Encoding.ALAW) == [value]


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_g711_decodes_as_ffmpeg_does(encoding: Encoding) -> None:
    codec = av.CodecContext.create(f"pcm_{encoding}", "r")
    codec.sample_rate, codec.layout = 8_000, "mono"
    (frame,) = codec.decode(av.Packet(ALL_CODES))
    assert as_s16(ALL_CODES, encoding) == frame.to_ndarray()[0].tolist()


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_g711_is_symmetric_about_zero(encoding: Encoding) -> None:
    values = as_s16(ALL_CODES, encoding)
    assert values[128:] == [-value for value in values[:128]]


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_g711_keeps_the_order_of_amplitudes(encoding: Encoding) -> None:
    codes = bytes(ENCODERS[encoding](value) for value in range(-32_768, 32_768, 16))
    assert (np.diff(decoded(codes, encoding)[0]) >= 0).all()


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_every_g711_code_survives_a_round_trip(encoding: Encoding) -> None:
    again = [ENCODERS[encoding](value) for value in as_s16(ALL_CODES, encoding)]
    if encoding is Encoding.MULAW:
        assert again[0x7F] == 0xFF  # the two zeros of mu-law
        again[0x7F] = 0x7F
    assert bytes(again) == ALL_CODES


def test_stereo_becomes_one_contiguous_row_per_channel() -> None:
    interleaved = np.array([0.1, -0.1, 0.2, -0.2, 0.3, -0.3], "<f4")
    planes = decoded(interleaved.tobytes(), Encoding.PCM_F32LE, 2)
    np.testing.assert_array_equal(planes, np.array([[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]], np.float32))
    assert planes.flags.c_contiguous


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("channels", [1, 2])
@given(data=st.binary(max_size=64), sizes=st.lists(st.integers(0, 9), max_size=20))
@settings(max_examples=20, deadline=None)
def test_bytes_cut_anywhere_give_equal_samples(
    encoding: Encoding, channels: int, data: bytes, sizes: list[int]
) -> None:
    whole, cut = PcmDecoder(encoding, channels), PcmDecoder(encoding, channels)
    parts = [cut.feed(piece) for piece in pieces(data, sizes)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole.feed(data))
    assert cut.not_finite_samples == whole.not_finite_samples
    assert cut.flush() == whole.flush() == len(data) % (SAMPLE_BYTES[encoding] * channels)


def test_a_chunk_without_a_whole_sample_gives_no_samples_but_keeps_its_shape() -> None:
    assert decoded(b"\x01\x02\x03", Encoding.PCM_S16LE, 2).shape == (2, 0)


def test_a_remainder_is_reported_once() -> None:
    decoder = PcmDecoder(Encoding.PCM_S16LE, 2)
    decoder.feed(b"12345")
    assert (decoder.flush(), decoder.flush()) == (1, 0)
