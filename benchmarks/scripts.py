"""What the callers of a load play: pieces of real calls, as bytes on the wire, and what should be said about each."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.caller import Wire
from benchmarks.likeness import Reference
from benchmarks.messages import BINARY, from_client
from evaluation.manifest import data_folder
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import SAMPLE_BYTES, PcmDecoder, Samples
from vad.resample import Resampler
from workbench import media

if TYPE_CHECKING:
    from inference.model import Models

MIXED = (("auto_repairs_40.flac",), tuple(f"ami_trn{number:02}.flac" for number in range(1, 6)))
APART = (("auto_repairs_40_stereo.flac",),)
"""Recordings under the data folder's conversations/; those of one tuple are played one after the other."""
ROLES = {1: "mixed", 2: "customer,agent"}
FAINT = 6e-5
"""Standard deviation of the noise that takes the place of speech: -84 dB, a quiet line with nobody on it."""
STRETCH_S = 15.0
BLOCK_S = 0.5


@dataclass(frozen=True, slots=True)
class Form:
    """How calls travel: `wire` per channel, `channels` 1 or 2 interleaved, messages of `chunk_s` seconds."""

    wire: Wire = field(default_factory=Wire)
    channels: int = 1
    chunk_s: float = 0.1

    @property
    def query(self) -> dict[str, str]:
        return {"channels": str(self.channels), "roles": ROLES[self.channels]}

    def encode(self, audio: Samples) -> bytes:
        """`audio`: shape (channels, n), float32 at 16 kHz in [-1, 1]."""
        width = SAMPLE_BYTES[self.wire.encoding]
        planes = [np.frombuffer(self.wire.encode(plane), np.uint8).reshape(-1, width) for plane in audio]
        return np.stack(planes, axis=1).tobytes()

    def cut(self, data: bytes) -> Iterator[tuple[float, bytes]]:
        """The messages, each with the position, in seconds, of its end."""
        second_bytes = self.wire.second_bytes * self.channels
        sample_bytes = second_bytes // self.wire.rate_hz
        step = max(1, round(self.chunk_s * self.wire.rate_hz)) * sample_bytes
        for at in range(0, len(data), step):
            yield min(at + step, len(data)) / second_bytes, data[at : at + step]


@dataclass(frozen=True, slots=True)
class Script:
    """A call to play: whole client messages ready to be written, and the position in seconds at which each ends.
    Without a `reference` nothing is expected of the server."""

    messages: Sequence[bytes]
    ends_s: Sequence[float]
    reference: Reference | None = None

    @property
    def seconds(self) -> float:
        return self.ends_s[-1]

    @classmethod
    def of(cls, data: bytes, form: Form, reference: Reference | None = None) -> Script:
        pieces = list(form.cut(data))
        return cls([from_client(BINARY, piece) for _, piece in pieces], [end_s for end_s, _ in pieces], reference)


def recordings(channels: int) -> list[Samples]:
    """The audio that calls are cut from, each of shape (channels, n) at 16 kHz. Raises MediaError."""
    folder = data_folder() / "conversations"
    return [
        np.concatenate([block for name in names for block in media.read(folder / name, channels)], axis=1)
        for names in (MIXED if channels == 1 else APART)
    ]


def read(files: Sequence[Path], channels: int) -> list[Samples]:
    """As `recordings`, of files of one's own."""
    return [np.concatenate(list(media.read(file, channels)), axis=1) for file in files]


def cuts(sources: Sequence[Samples], count: int, seconds: float) -> list[Samples]:
    """`count` pieces of `seconds`, each source giving as many as its length is worth, from evenly spaced places;
    behind its end a source begins anew."""
    lengths = [source.shape[1] for source in sources]
    length = round(seconds * SAMPLE_RATE_HZ)
    pieces = []
    for number in range(count):
        place = (number + 0.5) / count * sum(lengths)
        which = next(at for at in range(len(sources)) if place < sum(lengths[: at + 1]))
        begin = int(place) - sum(lengths[:which])
        pieces.append(np.take(sources[which], range(begin, begin + length), axis=1, mode="wrap"))
    return pieces


def hushed(audio: Samples, share: float, phase: float, seed: int) -> Samples:
    """The audio, shape (channels, n), with `share` (0 to 1) of it, in stretches of about 15 s, replaced by faint
    noise. Of calls whose `phase` (0 to 1) is evenly spread, that share is silent at any time."""
    if not share:
        return audio
    samples = audio.shape[1]
    period = samples / max(1, round(share * samples / SAMPLE_RATE_HZ / STRETCH_S))
    silent = (np.arange(samples) / period + phase) % 1.0 < share
    noise = FAINT * np.random.default_rng(seed).standard_normal(audio.shape)
    return np.where(silent, noise, audio).astype(np.float32)


def reference(data: bytes, form: Form, settings: Settings, models: Models) -> Reference:
    """What an offline replay says of the very bytes that go over the wire."""
    from inference.model import specs  # torch stays out of the process that makes the load
    from stream_server.live.sessions import open_session
    from workbench import offline

    roles = tuple(ROLES[form.channels].split(","))
    session = open_session(settings, specs(models), "reference", roles, "replay")
    return Reference.of(offline.run(session, heard(data, form), models))


def heard(data: bytes, form: Form) -> Iterator[Samples]:
    """What a server makes of the bytes: blocks of shape (channels, n), float32 at 16 kHz."""
    decoder = PcmDecoder(form.wire.encoding, form.channels)
    resamplers = [Resampler(form.wire.rate_hz) for _ in range(form.channels)]
    step = round(BLOCK_S * form.wire.rate_hz) * SAMPLE_BYTES[form.wire.encoding] * form.channels
    for at in range(0, len(data), step):
        planar = decoder.feed(data[at : at + step])
        yield np.stack([resampler.feed(plane) for resampler, plane in zip(resamplers, planar, strict=True)])
    yield np.stack([resampler.flush() for resampler in resamplers])


def write(pieces: Sequence[Samples], form: Form, silent: float = 0.0, settings: Settings | None = None) -> list[Script]:
    """The scripts of `pieces` (as `cuts` gives them), of which `silent` (0 to 1) is hushed; with references if there
    are `settings`, worked out by other processes, one per core."""
    count = len(pieces)
    encoded = [form.encode(hushed(piece, silent, at / count, at)) for at, piece in enumerate(pieces)]
    if settings is None:
        return [Script.of(data, form) for data in encoded]
    workers = min(count, os.cpu_count() or 1)
    share = math.ceil(count / workers)
    shares = [encoded[at : at + share] for at in range(0, count, share)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        references = [one for some in pool.map(partial(_references, form, settings), shares) for one in some]
    return [Script.of(data, form, found) for data, found in zip(encoded, references, strict=True)]


def recut(scripts: Sequence[Script], pieces: Sequence[Samples], form: Form) -> list[Script]:
    """The `scripts` of the same `pieces` in messages of another length: what should be said about them stays."""
    return [
        Script.of(form.encode(piece), form, script.reference) for script, piece in zip(scripts, pieces, strict=True)
    ]


def _references(form: Form, settings: Settings, encoded: Sequence[bytes]) -> list[Reference]:
    from stream_server.live.crews import load_models

    models = load_models(settings)
    return [reference(data, form, settings, models) for data in encoded]


def total(scripts: Sequence[Script]) -> Mapping[str, float]:
    """Of all scripts together: seconds, messages, and the events that are expected."""
    return {
        "seconds": sum(script.seconds for script in scripts),
        "messages": sum(len(script.messages) for script in scripts),
        "events": sum(script.reference.count for script in scripts if script.reference is not None),
    }
