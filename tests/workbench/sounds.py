"""Recordings made for the tests, in the formats that people bring, whole and broken."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler

from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media

FORMATS = {
    "wav": ("pcm_s16le", 16_000),
    "flac": ("flac", 48_000),
    "mp3": ("libmp3lame", 44_100),
    "m4a": ("aac", 44_100),
    "ogg": ("libopus", 48_000),
    "webm": ("libopus", 48_000),
    "amr": ("libopencore_amrnb", 8_000),
    "mka": ("aac", 32_000),
}
"""By suffix: the encoder and the rate of the file."""


def write(path: Path, *channels: Samples, codec: str = "", rate_hz: int = 0, video: bool = False) -> Path:
    """16 kHz audio as a file of the format that its suffix names; with a picture, if `video`."""
    usual_codec, usual_rate_hz = FORMATS.get(path.suffix[1:], ("aac", 44_100))
    rate_hz, layout = rate_hz or usual_rate_hz, {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(channels)]
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=5) if video else None
        track = container.add_stream(codec or usual_codec, rate=rate_hz)
        assert isinstance(track, av.AudioStream)
        track.layout = layout
        if picture is not None:
            assert isinstance(picture, av.VideoStream)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
            for packet in picture.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")):
                container.mux(packet)
            container.mux(picture.encode(None))
        interleaved = np.stack(channels, axis=1).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, "flt", layout)
        frame.rate = SAMPLE_RATE_HZ
        to = AudioResampler(track.format.name, layout, rate_hz)
        fifo = AudioFifo()
        for converted in [*to.resample(frame), *to.resample(None)]:
            fifo.write(converted)
        size = track.codec_context.frame_size or 1024
        while (piece := fifo.read(size) or fifo.read(0)) is not None:
            container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return path


def cut(path: Path, share: float, to: Path) -> Path:
    """The first `share` of a file's bytes."""
    whole = path.read_bytes()
    to.write_bytes(whole[: int(share * len(whole))])
    return to


def samples_of(path: Path) -> Samples:
    """A recording's mix, (n,) at 16 kHz."""
    whole: Samples = np.concatenate(list(media.read(path, 1)), axis=1)[0]
    return whole


def emodb(recordings: Path, name: str = "03a01Wa") -> Path:
    """A short recording of a voice that has all its band."""
    return recordings / "emotion" / "emodb" / f"{name}.flac"


def spoken(recordings: Path, seconds: float) -> Samples:
    """So much of what actors say one after the other."""
    paths = sorted((recordings / "emotion" / "emodb").glob("*.flac"))
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * SAMPLE_RATE_HZ:
        parts.append(samples_of(paths[len(parts) * 7 % len(paths)]))
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE_HZ)]


def float_wave(path: Path, samples: Samples, channels: int = 1) -> Path:
    """A WAVE file of 32-bit floats, whatever they are, the same on each of its channels, of which it says no more than
    how many there are."""
    raw = np.repeat(samples[:, None], channels, axis=1).astype("<f4").tobytes()
    rate_hz, frame = SAMPLE_RATE_HZ, 4 * channels
    form = struct.pack("<IHHIIHH", 16, 3, channels, rate_hz, rate_hz * frame, frame, 32)
    parts = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(raw)) + raw
    path.write_bytes(b"RIFF" + struct.pack("<I", len(parts)) + parts)
    return path
