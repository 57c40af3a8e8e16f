"""Cheap first gates: is there anything like speech in a frame, or anything at all?"""

from __future__ import annotations

import numpy as np
import webrtcvad

from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples

SILENCE = 2.0**-11
"""-66 dB. The silence of an A-law line, which knows no zero, is -72 dB."""
_TO_255THS = bytes([0, 255]) + bytes(254)


class WebrtcDetector:
    """WebRTC's voice activity detector over frames of 20 ms; it adapts to the stream, so one detector per channel.

    `mode` 0 (lets most pass) to 3 (strictest).
    """

    def __init__(self, mode: int) -> None:
        self._vad = webrtcvad.Vad(mode)

    def feed(self, samples: Samples) -> bytes:
        """Speech probability per frame in 255ths, here 0 or 255. `samples` must be whole frames of 320 at 16 kHz."""
        if len(samples) % FRAME_SAMPLES:
            raise ValueError(f"{len(samples)} samples are not whole frames of {FRAME_SAMPLES}")
        pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        step = 2 * FRAME_SAMPLES
        is_speech = self._vad.is_speech
        return bytes(255 * is_speech(pcm[at : at + step], SAMPLE_RATE_HZ) for at in range(0, len(pcm), step))


class SilenceGate:
    """Lets everything pass but silence, such as that of a muted channel or a lost packet."""

    def feed(self, samples: Samples) -> bytes:
        """As `WebrtcDetector.feed`."""
        loudest = np.abs(samples.reshape(-1, FRAME_SAMPLES)).max(axis=1)
        return bytes((loudest >= SILENCE).tobytes()).translate(_TO_255THS)
