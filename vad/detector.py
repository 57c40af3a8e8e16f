"""The cheap first gate: is there anything like speech in a frame?"""

from __future__ import annotations

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from vad.pcm import Samples
from vad.resample import FRAME_SAMPLES, SAMPLE_RATE_HZ


class WebrtcDetector:
    """WebRTC's voice activity detector over frames of 20 ms; it adapts to the stream, so one detector per channel.

    `mode` 0 (lets most pass) to 3 (strictest).
    """

    def __init__(self, mode: int) -> None:
        self._vad = webrtcvad.Vad(mode)

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """Speech probability per frame, 0 or 1. `samples` must be whole frames of 320 samples at 16 kHz."""
        if len(samples) % FRAME_SAMPLES:
            raise ValueError(f"{len(samples)} samples are not whole frames of {FRAME_SAMPLES}")
        pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        step = 2 * FRAME_SAMPLES
        is_speech = self._vad.is_speech
        return np.fromiter(
            (is_speech(pcm[at : at + step], SAMPLE_RATE_HZ) for at in range(0, len(pcm), step)),
            np.float32,
            len(pcm) // step,
        )
