"""Where anyone speaks in a recording: the same judge and the same decisions as in a live call, without its haste."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.silero import BLOCK_SAMPLES, WINDOW_SAMPLES
from monitor.analysis import Role, SpeechAnalysis, Stream, Window
from vad.detector import SilenceGate
from vad.endpointing import VOICED, Closed, Endpointer, EndpointingConfig
from vad.grid import FRAME_SAMPLES
from vad.listener import BLOCK_FRAMES
from vad.pcm import Samples


class Questions:
    """The judge's windows for one channel: audio in order, each piece but the last whole blocks of 100 ms."""

    def __init__(self) -> None:
        self._stream = Stream()
        self._past = np.zeros(WINDOW_SAMPLES, np.float32)
        self._end = 0

    def ask(self, samples: Samples) -> list[Window]:
        """The windows that ask about `samples`, whole frames: one for the blocks, one for what is left at the end."""
        out: list[Window] = []
        whole = len(samples) // BLOCK_SAMPLES * BLOCK_SAMPLES
        for piece in (samples[:whole], samples[whole:]):
            if not len(piece):
                continue
            self._end += len(piece)
            heard = np.concatenate([self._past, piece])
            blocks = -(-len(piece) // BLOCK_SAMPLES)  # a part of one is asked about as the end of a whole one
            asked = heard[len(heard) - WINDOW_SAMPLES - (blocks - 1) * BLOCK_SAMPLES :]
            out.append(Window(0, Role.SPEECH, 0, self._end, asked, self._stream))
            self._past = heard[len(heard) - WINDOW_SAMPLES :]
        return out


def levels(samples: Samples, answers: list[SpeechAnalysis]) -> bytes:
    """The probabilities of speech, in 255ths, of the frames of `samples`, from the answers to what was asked about
    them. Blocks in which nothing sounds are not speech, whatever the judge says."""
    frames = len(samples) // FRAME_SAMPLES
    gated = np.frombuffer(SilenceGate().feed(samples[: frames * FRAME_SAMPLES]), np.uint8)
    whole = frames // BLOCK_FRAMES * BLOCK_FRAMES
    said = bytearray()
    for count, answer in zip([count for count in (whole, frames - whole) if count], answers, strict=True):
        said += answer.levels[len(answer.levels) - count :]
    out = np.frombuffer(bytes(said), np.uint8).copy()
    for start in range(0, frames, BLOCK_FRAMES):
        if not gated[start : start + BLOCK_FRAMES].any():
            out[start : start + BLOCK_FRAMES] = 0
    return out.tobytes()


class SpeechTrack:
    """Fed with the levels of a channel's frames in order, tells its segments, and which of their frames hold speech."""

    def __init__(self, config: EndpointingConfig) -> None:
        self._endpointer = Endpointer(config)
        self._lag = config.onset_frames + config.hangover_frames
        self._voiced: list[NDArray[np.bool_]] = []
        self.segments: list[tuple[int, int]] = []
        """Of frames, [start, end)."""
        self.frames = 0

    def feed(self, given: bytes) -> NDArray[np.bool_]:
        """The next frames; which of these are voiced."""
        voiced = np.frombuffer(given, np.uint8) >= VOICED
        self._voiced.append(voiced)
        self.frames += len(given)
        self.segments += [(edge.start, edge.end) for edge in self._endpointer.feed(given) if isinstance(edge, Closed)]
        return voiced

    def finish(self) -> None:
        """No more frames will come: the open segment, if there is one, ends."""
        self.segments += [(edge.start, edge.end) for edge in self._endpointer.flush() if isinstance(edge, Closed)]
        self._lag = 0

    @property
    def settled(self) -> int:
        """Up to this frame nothing will change any more."""
        return max(0, self.frames - self._lag)

    def speech(self, start: int = 0) -> NDArray[np.bool_]:
        """Which frames from `start` on hold speech, as far as is known; (frames - start,)."""
        if len(self._voiced) > 1:
            self._voiced = [np.concatenate(self._voiced)]
        voiced = self._voiced[0] if self._voiced else np.zeros(0, np.bool_)
        out = np.zeros(self.frames - start, np.bool_)
        open_from = self._endpointer.segment_start
        spans = self.segments if open_from is None else [*self.segments, (open_from, self.frames)]
        for first, last in reversed(spans):
            if last <= start:
                break
            first = max(first, start)
            out[first - start : last - start] = voiced[first:last]
        return out
