"""Undertone's own small emotion network: a stretch of a stream in, one score vector per 20 ms out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from inference.causal import FRAME_SAMPLES, AttentiveBlock, ConvBlock, RecurrentBlock, SpeakerSoFar, SpectralStem
from inference.features import HISTORY_SAMPLES, LogMel, RunningReference
from inference.past import Past

WINDOW_SAMPLES = 48_000
__all__ = ["FRAME_SAMPLES", "HISTORY_SAMPLES", "WINDOW_SAMPLES", "EmotionNet", "EmotionNetConfig"]


@dataclass(frozen=True, slots=True)
class EmotionNetConfig:
    """Shape of an `EmotionNet`; every field is stored in the checkpoint.

    `blocks`: one letter each, in order: `c` convolution with the next of `dilations`, `r` recurrent, `a` attentive,
    `v` relative to the voice so far.
    """

    labels: int = 7
    mels: int = 64
    low_hz: float = 60.0
    high_hz: float = 7600.0
    memory_s: float = 15.0
    prior_s: float = 2.0
    stem_channels: int = 24
    channels: int = 128
    blocks: str = "ccccr"
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    voice_memory_s: float = 60.0
    voice_prior_s: float = 3.0
    dropout: float = 0.2


class EmotionNet(nn.Module):
    """Audio in [-1, 1] at 16 kHz -> one score vector and one arousal per 20 ms, as logits.

    Scores of any span are linear in its frames: the mean of the frame logits over the span's speech frames, then
    softmax (labels) or sigmoid (arousal). A frame depends on what came before it in its stream only.
    """

    def __init__(self, config: EmotionNetConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config.mels, config.low_hz, config.high_hz)
        self.reference = RunningReference(config.mels, config.memory_s, config.prior_s)
        self.stem = SpectralStem(config.mels, config.stem_channels, config.channels)
        if strange := set(config.blocks) - set("crva"):
            raise ValueError(f"blocks must be some of c, r, v, a, not {', '.join(sorted(strange))}")
        if config.blocks.count("c") != len(config.dilations):
            raise ValueError(
                f"there must be as many dilations as blocks c in {config.blocks!r}, not {config.dilations}"
            )
        dilations = iter(config.dilations)
        kinds: dict[str, Callable[[], nn.Module]] = {
            "c": lambda: ConvBlock(config.channels, next(dilations), config.dropout),
            "r": lambda: RecurrentBlock(config.channels, config.dropout),
            "v": lambda: SpeakerSoFar(config.channels, config.voice_memory_s, config.voice_prior_s),
            "a": lambda: AttentiveBlock(config.channels, 4, 50, 9, config.dropout),
        }
        self.blocks = nn.ModuleList(kinds[kind]() for kind in config.blocks)
        self.label_head = nn.Linear(config.channels, config.labels)
        self.arousal_head = nn.Linear(config.channels, 1)

    def trunk(self, features: Tensor, past: Past) -> Tensor:
        """(batch, 10 ms frames, mels), relative to the reference -> what the heads read, (batch, 20 ms frames,
        channels)."""
        x = self.stem(features, past)
        for block in self.blocks:
            x = block(x, past)
        frames: Tensor = x.transpose(1, 2)
        return frames

    def score(self, features: Tensor, past: Past) -> tuple[Tensor, Tensor]:
        """(batch, 10 ms frames, mels), relative to the reference -> (batch, 20 ms frames, labels) and (batch, 20 ms
        frames); so that training can mask features in between."""
        frames = self.trunk(features, past)
        return self.label_head(frames), self.arousal_head(frames).squeeze(-1)

    def forward(
        self, audio: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next stretch of each stream: (batch, HISTORY_SAMPLES + frames * 320), which begins with the samples
        before it (zeros at the start) -> logits (batch, frames, labels), arousal (batch, frames), and the state to be
        given with the next stretch. `lengths`: see Past."""
        labels, arousal, after, _ = self.embed(audio, state, lengths)
        return labels, arousal, after

    def embed(
        self, audio: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `forward`, and what the heads read, (batch, frames, channels)."""
        past = Past(state, lengths, (audio.shape[1] - HISTORY_SAMPLES) // FRAME_SAMPLES)
        frames = self.trunk(self.reference(self.log_mel(audio), past), past)
        return self.label_head(frames), self.arousal_head(frames).squeeze(-1), past.state(), frames
