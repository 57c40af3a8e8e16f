"""What a stream says it is, and its bytes made into samples."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from stream_server.faults import Refusal
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import BLOCK_FRAMES
from vad.pcm import SAMPLE_BYTES, Encoding, PcmDecoder, Samples
from vad.resample import MAX_RATE_HZ, MIN_RATE_HZ, Resampler

CALL_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ROLE = re.compile(r"[A-Za-z0-9_-]{1,32}")
WHIP_PARAMETERS = frozenset({"channels", "roles", "call_id"})
PARAMETERS = WHIP_PARAMETERS | {"encoding", "sample_rate"}


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """What the query of a stream says."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int
    roles: tuple[str, ...]
    call_id: str


def parse_parameters(query: Mapping[str, str]) -> StreamParameters:
    """Raises Refusal with what was wrong and what is expected."""
    _check_names(query, PARAMETERS)
    try:
        encoding = Encoding(query.get("encoding", "pcm_s16le"))
    except ValueError:
        known = ", ".join(Encoding)
        raise Refusal(
            "stream.encoding_unknown", f"encoding {query['encoding']!r} is unknown; expected one of {known}"
        ) from None
    rate = query.get("sample_rate", str(SAMPLE_RATE_HZ))
    if not (rate.isascii() and rate.isdigit() and len(rate) <= 5 and MIN_RATE_HZ <= int(rate) <= MAX_RATE_HZ):
        raise Refusal(
            "stream.sample_rate_out_of_range",
            f"sample_rate {rate!r} is not a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ} (Hz)",
        )
    return StreamParameters(encoding, int(rate), *_parties(query))


def parse_whip_parameters(query: Mapping[str, str]) -> StreamParameters:
    """As `parse_parameters`, for audio that comes decoded, as float32 at 16 kHz. Raises Refusal."""
    _check_names(query, WHIP_PARAMETERS)
    return StreamParameters(Encoding.PCM_F32LE, SAMPLE_RATE_HZ, *_parties(query))


def _check_names(query: Mapping[str, str], known: Set[str]) -> None:
    surplus = sorted(set(query) - known)
    if surplus:
        raise Refusal(
            "request.invalid", f"no such parameter: {', '.join(surplus)}; there are {', '.join(sorted(known))}"
        )


def _parties(query: Mapping[str, str]) -> tuple[int, tuple[str, ...], str]:
    """How many channels a call has, who is on them, and its id."""
    channels = query.get("channels", "1")
    if channels not in ("1", "2"):
        raise Refusal("stream.channels_invalid", f"channels {channels!r} is neither 1 nor 2")
    return int(channels), parse_roles(query.get("roles"), int(channels)), _call_id(query.get("call_id"))


def parse_roles(text: str | None, channels: int) -> tuple[str, ...]:
    """One channel is `mixed` unless it is said who is on it; who is on each of two must be said, because whose emotion
    may be inferred depends on it."""
    if text is None and channels == 1:
        return ("mixed",)
    if text is None:
        raise Refusal("stream.roles_invalid", "two channels need roles, for example customer,agent")
    roles = tuple(part.strip() for part in text.split(","))
    if len(roles) != channels or len(set(roles)) != channels or not all(ROLE.fullmatch(role) for role in roles):
        raise Refusal(
            "stream.roles_invalid",
            f"roles {text!r} does not name each of {channels} channel(s) once; expected for example "
            + ("customer,agent" if channels == 2 else "customer"),
        )
    return roles


def _call_id(text: str | None) -> str:
    if text is None:
        return secrets.token_urlsafe(9).replace("_", ".")
    if not CALL_ID.fullmatch(text):
        raise Refusal(
            "call.id_invalid", f"call_id {text[:40]!r} is not 1 to 128 of letters, digits, '.', '_', ':', '-'"
        )
    return text


BLOCK_SAMPLES = BLOCK_FRAMES * FRAME_SAMPLES


class Intake:
    """From the bytes of one stream to 16 kHz samples per channel, and the position that the wire has reached.

    A listener hears in blocks of 100 ms, so bytes are gathered until they complete another one or more: decoding them
    in smaller pieces costs much and tells nothing sooner.
    """

    def __init__(self, parameters: StreamParameters, begun_at: int = 0) -> None:
        """`begun_at`: how many samples at 16 kHz the call has had before, for the blocks begin with it."""
        self._decoder = PcmDecoder(parameters.encoding, parameters.channels)
        self._resamplers = [Resampler(parameters.sample_rate_hz) for _ in range(parameters.channels)]
        self.second_bytes = SAMPLE_BYTES[parameters.encoding] * parameters.channels * parameters.sample_rate_hz
        self._received_bytes = 0
        self._gathered: list[bytes] = []
        self._given = begun_at
        self._due_bytes = self._next_after(begun_at, BLOCK_SAMPLES)

    @property
    def position_s(self) -> float:
        return self._received_bytes / self.second_bytes

    @property
    def not_finite_samples(self) -> int:
        return self._decoder.not_finite_samples

    def due(self, size: int) -> bool:
        """Whether it is time to `give` once `size` more bytes are gathered."""
        return self._received_bytes + size >= self._due_bytes

    def gather(self, data: bytes) -> None:
        """Take in bytes."""
        self._gathered.append(data)
        self._received_bytes += len(data)

    def give(self, grain_samples: int = BLOCK_SAMPLES) -> list[Samples]:
        """16 kHz samples per channel, of all that was gathered, as far as they have become certain. The next are due
        once the stream has come to a multiple of `grain_samples`."""
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered.clear()
        planar = self._decoder.feed(data)
        out = [resampler.feed(channel) for resampler, channel in zip(self._resamplers, planar, strict=True)]
        self._given += len(out[0])
        self._due_bytes = self._next_after(self._given, grain_samples)
        return out

    def skip(self, samples: int) -> None:
        """Go on so many samples later; for streams at 16 kHz, when all that was gathered is given."""
        self._received_bytes += samples * self.second_bytes // SAMPLE_RATE_HZ
        self._given += samples
        self._due_bytes = self._next_after(self._given, BLOCK_SAMPLES)

    def flush(self) -> tuple[list[Samples], int]:
        """The rest, with what the resamplers still held, and the bytes of an unfinished sample."""
        rest = self.give()
        ends = [np.asarray(resampler.flush()) for resampler in self._resamplers]
        return [np.concatenate(pair) for pair in zip(rest, ends, strict=True)], self._decoder.flush()

    def _next_after(self, samples: int, grain_samples: int) -> float:
        """How many bytes must have come for the 16 kHz samples after `samples` to come to a multiple of
        `grain_samples`, if the resampler goes on holding back what it holds back now."""
        missing = grain_samples - samples % grain_samples - 0.5  # whatever rounding does
        return self._received_bytes + missing / SAMPLE_RATE_HZ * self.second_bytes
