"""Recordings in: anything FFmpeg reads, from a file or from memory, in blocks, through PyAV."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import wholeness

log = logging.getLogger("undertone.media")
BLOCK_S = 0.5
FULL_SCALE = 0.999
MOST_PLANES = 7
"""PyAV reads beyond the planes of a frame that has more of them, and the process dies of it."""
DAMAGE = (av.FFmpegError, ValueError)
"""What decoding raises where a file is damaged; ValueError: it goes on at another rate or with other channels, or holds
what is no number."""
ESTIMATED = {"aac", "ac3", "amr", "amrnb", "amrwb", "eac3", "loas"}
"""Formats that say nothing of their length: what FFmpeg tells is guessed from how they begin, and may be many times
too much."""
Source = Path | bytes
"""A file, or what is in one."""
LISTS = {
    "avisynth", "concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sdp", "vapoursynth",
    "webm_dash_manifest",
}  # fmt: skip
"""Formats that are lists of other files, or scripts. A recording that somebody sends must not make this machine read
its own files, or ask others for theirs."""
ALONE = {"format_whitelist": ",".join(sorted(av.formats_available - LISTS))}


class MediaError(Exception):
    """A recording that cannot be used; the message says why, and what would be. `code`, one of workbench.failures, and
    `values` are the same for programs."""

    def __init__(self, code: str, reason: str, **values: str | float) -> None:
        super().__init__(reason)
        self.code = code
        self.values = values


class Recording:
    """A recording, open until `close`. It is decoded once, by one thread at a time, and counts as it goes:

    `decoded_s`: seconds so far; `full_scale` of `values` decoded values, channel by channel at the file's own rate, lie
    at full scale; `damage`: why it ended early, if it did.
    """

    def __init__(self, source: Source, name: str = "") -> None:
        """`name`: what messages call it (default: its path). Raises MediaError if it cannot be opened or has no sound
        track."""
        self.name = name or (str(source) if isinstance(source, Path) else "the recording")
        self._source = source
        try:
            opened = str(source) if isinstance(source, Path) else BytesIO(source)
            self._container = av.open(opened, "r", container_options=ALONE)
        except FileNotFoundError:
            raise MediaError("not_found", f"{self.name}: there is no such file") from None
        except PermissionError:
            raise MediaError("not_permitted", f"{self.name}: may not be read") from None
        except (av.FFmpegError, OSError) as error:
            reason = f"{self.name}: not a recording that FFmpeg reads ({error.strerror or error})"
            raise MediaError("not_audio", reason) from None
        if not self._container.streams.audio:
            self._container.close()
            raise MediaError("no_sound_track", f"{self.name}: has no audio track")
        self._track = self._container.streams.audio[0]
        codec = self._track.codec_context
        self.rate_hz, self.channels, self.codec = codec.sample_rate, codec.channels, codec.name
        self.container = self._container.format.name
        self.declared_s = self._declared_s()
        """The length that the file declares, None where it does not."""
        self.decoded_s = 0.0
        self.values = self.full_scale = 0
        self.damage: str | None = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def ends_properly(self) -> bool:
        """Whether the file's end looks like one, as far as its format shows it."""
        end = wholeness.tail(self._source) if self.container == "ogg" else b""
        return not end or wholeness.ogg_is_finished(end)

    def blocks(self, channels: int, block_s: float = BLOCK_S) -> Iterator[Samples]:
        """Blocks of shape (channels, n), float32 at 16 kHz, of `block_s` seconds, the last one shorter. Mono is the
        mean of the file's channels. Raises MediaError if it is mono where stereo is wanted, or holds no sound.

        Where the audio is damaged it ends; a warning is logged.
        """
        if channels > 1 and self.channels != channels:
            reason = f"{self.name}: has {self.channels} channel(s); {channels} are needed to keep the parties apart"
            raise MediaError("wrong_channels", reason, channels=self.channels, wanted=channels)
        empty = True
        for block in _blocks(self._planes(), round(block_s * SAMPLE_RATE_HZ)):
            empty = False
            yield block if channels > 1 else block.mean(axis=0, keepdims=True)
        if empty:
            raise MediaError("no_sound", f"{self.name}: holds no sound")

    def _declared_s(self) -> float | None:
        if self.container == "wav":  # of which FFmpeg tells what is there
            return wholeness.riff_s(wholeness.head(self._source))
        if self.container in ESTIMATED or (self.container == "mp3" and not wholeness.mp3_tells_length(self._source)):
            return None
        if self._track.duration is not None and self._track.time_base is not None:
            return float(self._track.duration * self._track.time_base)
        return None if self._container.duration is None else self._container.duration / av.time_base

    def _planes(self) -> Iterator[Samples]:
        """(channels, n) as they come."""
        to = AudioResampler(format="flt", rate=SAMPLE_RATE_HZ)  # interleaved: MOST_PLANES
        try:
            for frame in self._container.decode(self._track):
                self._count(frame)
                for converted in to.resample(frame):
                    yield _channels(converted)
        except DAMAGE as error:
            why = getattr(error, "strerror", None) or str(error)
            if not self.decoded_s:
                raise MediaError("cannot_be_decoded", f"{self.name}: cannot be decoded ({why})") from None
            self.damage = why
            log.warning("%s: damaged after %.1f s (%s); the rest is left out", self.name, self.decoded_s, why)
        if self.decoded_s:
            for converted in to.resample(None):
                yield _channels(converted)

    def _count(self, frame: av.AudioFrame) -> None:
        """Raises ValueError for samples that are no numbers."""
        many = frame.format.is_planar and frame.layout.nb_channels > MOST_PLANES
        values: NDArray[Any] = _interleaved(frame) if many else frame.to_ndarray()
        middle, reach = 0.0, FULL_SCALE
        if values.dtype.kind != "f":
            full = 2.0 ** (8 * values.dtype.itemsize)
            middle = full / 2 if values.dtype.kind == "u" else 0.0
            reach = min(FULL_SCALE * full / 2, full / 2 - 1)  # 8 bits have no value so near to full scale
        if values.size:
            most, least = float(values.max()), float(values.min())
            if not math.isfinite(most) or not math.isfinite(least):
                raise ValueError("samples that are no numbers")
            if most >= middle + reach or least <= middle - reach:
                self.full_scale += int(np.count_nonzero((values >= middle + reach) | (values <= middle - reach)))
        self.values += values.size
        self.decoded_s += frame.samples / frame.sample_rate


def _interleaved(frame: av.AudioFrame) -> NDArray[Any]:
    """The values of a frame that has more planes than may be looked at."""
    to = AudioResampler(format=frame.format.packed.name)
    return np.concatenate([part.to_ndarray() for part in (*to.resample(frame), *to.resample(None))], axis=1)


def _channels(frame: av.AudioFrame) -> Samples:
    """(channels, n) of interleaved float32."""
    return frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T.astype(np.float32, copy=False)


def duration_s(path: Path) -> float | None:
    """The length that the file declares, None where it does not."""
    try:
        with Recording(path) as recording:
            return recording.declared_s
    except MediaError:
        return None


def read(path: Path, channels: int) -> Iterator[Samples]:
    """Blocks of shape (channels, n), float32 at 16 kHz, n up to 0.5 s. Mono is the mean of the file's channels.

    Raises MediaError if the file cannot be opened, is not audio, is mono where stereo is wanted, or holds no sound.
    Where the audio of a file is damaged it ends; a warning is logged.
    """
    with Recording(path) as recording:
        yield from recording.blocks(channels)


def opened(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The same blocks, the first already read: raises now what reading it raises."""
    return chain((next(blocks),), blocks)


def _blocks(planes: Iterator[Samples], samples: int) -> Iterator[Samples]:
    """The same audio in blocks of `samples`, the last one shorter."""
    held: list[Samples] = []
    count = 0
    for plane in planes:
        held.append(plane)
        count += plane.shape[1]
        if count >= samples:
            whole = np.concatenate(held, axis=1)
            cut = count - count % samples
            for at in range(0, cut, samples):
                yield np.ascontiguousarray(whole[:, at : at + samples])
            held, count = [whole[:, cut:]], count - cut
    if count:
        yield np.ascontiguousarray(np.concatenate(held, axis=1))
