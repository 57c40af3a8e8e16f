"""Recordings in: anything FFmpeg reads, in blocks, through PyAV."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

log = logging.getLogger("undertone.media")
BLOCK_S = 0.5


class MediaError(Exception):
    """A recording that cannot be used; the message says why, and what would be."""


def duration_s(path: Path) -> float | None:
    """The length that the file declares, None where it does not."""
    try:
        with av.open(str(path)) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, OSError):
        return None


def read(path: Path, channels: int) -> Iterator[Samples]:
    """Blocks of shape (channels, n), float32 at 16 kHz, n up to 0.5 s. Mono is the mean of the file's channels.

    Raises MediaError if the file cannot be opened, is not audio, is mono where stereo is wanted, or holds no sound.
    Where the audio of a file is damaged it ends; a warning is logged.
    """
    try:
        container = av.open(str(path))
    except FileNotFoundError:
        raise MediaError(f"{path}: there is no such file") from None
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: not a recording that FFmpeg reads ({error.strerror or error})") from None
    with container:
        if not container.streams.audio:
            raise MediaError(f"{path}: has no audio track")
        track = container.streams.audio[0]
        if channels == 2 and track.codec_context.channels != 2:
            count = track.codec_context.channels
            raise MediaError(f"{path}: has {count} channel(s); 2 are needed to keep the parties apart")
        resampler = AudioResampler(format="fltp", rate=SAMPLE_RATE_HZ)
        empty = True
        for block in _blocks(_planes(container, track, resampler), round(BLOCK_S * SAMPLE_RATE_HZ)):
            empty = False
            yield block if channels == 2 else block.mean(axis=0, keepdims=True)
        if empty:
            raise MediaError(f"{path}: holds no sound")


def opened(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The same blocks, the first already read: raises now what reading it raises."""
    return chain((next(blocks),), blocks)


def _planes(container: av.container.InputContainer, track: av.AudioStream, to: AudioResampler) -> Iterator[Samples]:
    decoded_s = 0.0
    try:
        for frame in container.decode(track):
            decoded_s += frame.samples / frame.sample_rate
            for converted in to.resample(frame):
                yield converted.to_ndarray().astype(np.float32, copy=False)
    except av.FFmpegError as error:
        if not decoded_s:
            raise MediaError(f"{container.name}: cannot be decoded ({error.strerror or error})") from None
        log.warning("%s: damaged after %.1f s (%s); the rest is left out", container.name, decoded_s, error.strerror)
    for converted in to.resample(None):
        yield converted.to_ndarray().astype(np.float32, copy=False)


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
