"""Undertone's own small emotion network: raw window in, one score vector per 20 ms out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from inference.features import LogMel, relative_to_speech
from inference.temporal import DilatedBlock, SpectralStem

FRAME_SAMPLES = 320
WINDOW_SAMPLES = 48_000


@dataclass(frozen=True, slots=True)
class EmotionNetConfig:
    """Shape of an `EmotionNet`; every field is stored in the checkpoint."""

    labels: int = 7
    mels: int = 64
    low_hz: float = 60.0
    high_hz: float = 7600.0
    per_band: bool = True
    stem_channels: int = 24
    channels: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1)
    dropout: float = 0.2


class EmotionNet(nn.Module):
    """Audio (batch, samples) in [-1, 1] at 16 kHz -> one score vector and one arousal per 20 ms, as logits:
    (batch, samples // 320, labels) and (batch, samples // 320).

    The sample count must be a multiple of 320. Scores of any span are linear in its frames: the mean of the
    frame logits over the span's speech frames, then softmax (labels) or sigmoid (arousal). A frame sees
    about `sum(dilations)` frames of 20 ms to each side; only the reference level looks at the whole window.
    """

    def __init__(self, config: EmotionNetConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config.mels, config.low_hz, config.high_hz)
        self.stem = SpectralStem(config.mels, config.stem_channels, config.channels)
        self.blocks = nn.Sequential(
            *(DilatedBlock(config.channels, dilation, config.dropout) for dilation in config.dilations)
        )
        self.label_head = nn.Linear(config.channels, config.labels)
        self.arousal_head = nn.Linear(config.channels, 1)

    def features(self, audio: Tensor) -> Tensor:
        """(batch, samples) -> (batch, samples // 160, mels), normalised: what `score` takes."""
        return relative_to_speech(self.log_mel(audio), per_band=self.config.per_band)

    def score(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The network without its front end, so that training can mask features in between."""
        frames = self.blocks(self.stem(features)).transpose(1, 2)
        return self.label_head(frames), self.arousal_head(frames).squeeze(-1)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        return self.score(self.features(audio))
