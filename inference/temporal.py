"""The convolutional blocks that both embedded networks are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SpectralStem(nn.Module):
    """(batch, 10 ms frames, mels) -> (batch, channels, 20 ms frames).

    Two small 2-D convolutions find local shapes in the spectrogram and quarter the frequency axis, the
    first also halves the frame rate; what is left of frequency is folded into the channels.
    """

    def __init__(self, mels: int, stem_channels: int, channels: int) -> None:
        super().__init__()
        if mels % 4:
            raise ValueError(f"mels must be a multiple of 4, got {mels}")
        self.local = nn.Sequential(
            nn.Conv2d(1, stem_channels // 2, 3, stride=(2, 2), padding=1, bias=False),
            nn.BatchNorm2d(stem_channels // 2),
            nn.ReLU(),
            nn.Conv2d(stem_channels // 2, stem_channels, 3, stride=(1, 2), padding=1, bias=False),
            nn.BatchNorm2d(stem_channels),
            nn.ReLU(),
        )
        self.fold = nn.Sequential(
            nn.Conv1d(stem_channels * (mels // 4), channels, 1, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
        )

    def forward(self, features: Tensor) -> Tensor:
        maps = self.local(features.unsqueeze(1))
        folded: Tensor = self.fold(maps.permute(0, 1, 3, 2).flatten(1, 2))
        return folded


class DilatedBlock(nn.Module):
    """Residual convolution over time, `dilation` frames to each side: (batch, channels, frames) both ways."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm(self.conv(x)))
        return x + functional.dropout(y, self.dropout, self.training)
