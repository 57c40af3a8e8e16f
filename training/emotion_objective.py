"""What is minimised to train the emotion network."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.past import Past
from training.emotion_data import StreamBatch, Streams


@dataclass(frozen=True, slots=True)
class EmotionLoss:
    label_smoothing: float
    arousal_weight: float
    frame_weight: float  # of every speech frame's own cross entropy beside the clip's
    average: float  # share of the old weights that the moving average keeps per step


class EmotionObjective(nn.Module):
    """Cross entropy of the clips' pooled label and arousal logits, in streams of several clips.

    Labels that are drawn more often get their surplus while training, so that the net's own logits are as if all were
    drawn alike.

    `average` is the moving average of `net`'s weights: what ships.
    """

    def __init__(self, recipe: EmotionLoss, config: EmotionNetConfig, streams: Streams, batch: int) -> None:
        super().__init__()
        self.recipe, self.net = recipe, EmotionNet(config)
        self.net.reference.prior.copy_(streams.shape())
        self.average = copy.deepcopy(self.net).requires_grad_(requires_grad=False).eval()
        self._streams, self._batch = streams, batch

    def loss(self, step: int) -> Tensor:
        batch, past = self._streams.batch(step, self._batch), Past()
        features = self._streams.masks(self.net.reference(batch.level_db, past), step)
        labels, arousal = self.net.score(features, past)
        return clip_loss(self.recipe, batch, labels + self._streams.surplus(), arousal)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        keep = min(self.recipe.average, (step + 1) / (step + 10))
        for slow, now in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(now, 1 - keep)

    def shipped(self) -> EmotionNet:
        return self.average


def clip_loss(recipe: EmotionLoss, batch: StreamBatch, labels: Tensor, arousal: Tensor) -> Tensor:
    """`labels`: (streams, frames, labels), `arousal`: (streams, frames), both logits."""
    smoothing, weight = recipe.label_smoothing, batch.weight
    of_clip = functional.one_hot(batch.clip + 1, weight.shape[1] + 1)[..., 1:].float()
    frames = of_clip.sum(1).clamp_min(1)
    target = batch.target * (1 - smoothing) + smoothing / labels.shape[-1]
    pooled = torch.einsum("bfl,bfk->bkl", labels, of_clip) / frames[..., None]
    costs = -(target * pooled.log_softmax(-1)).sum(-1)
    loss = (costs * weight[..., 0]).sum() / weight[..., 0].sum().clamp_min(1)
    pooled_arousal = torch.einsum("bf,bfk->bk", arousal, of_clip) / frames
    aroused = batch.arousal * (1 - smoothing) + smoothing / 2
    costs = functional.binary_cross_entropy_with_logits(pooled_arousal, aroused, reduction="none")
    loss = loss + recipe.arousal_weight * (costs * weight[..., 1]).sum() / weight[..., 1].sum().clamp_min(1)
    counted = of_clip * weight[:, None, :, 0]
    costs = torch.einsum("bfk,bkl->bfl", counted, target) * labels.log_softmax(-1)
    return loss - recipe.frame_weight * costs.sum() / counted.sum().clamp_min(1)
