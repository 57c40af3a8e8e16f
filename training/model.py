"""What training adds to the networks: the losses, and the speaker classes that are thrown away afterwards."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.emotion_net import EmotionNet
from inference.speaker_net import SpeakerNet
from training.augment import Augmenter
from training.data import UNLABELLED, EmotionBatch, SpeakerBatch
from training.recipe import EmotionRecipe, SpeakerRecipe


def pooled(frames: Tensor, speech: Tensor) -> Tensor:
    """Mean over the speech frames: (batch, frames, ...) and (batch, frames) -> (batch, ...)."""
    weight = speech.float() / speech.sum(1, keepdim=True).clamp_min(1)
    return torch.einsum("bf...,bf->b...", frames, weight)


class EmotionObjective(nn.Module):
    """Cross entropy of the pooled label and arousal logits, and flatness where nobody speaks."""

    def __init__(self, recipe: EmotionRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = EmotionNet(recipe.net)

    def loss(self, batch: EmotionBatch, augmenter: Augmenter, step: int) -> Tensor:
        rng = augmenter.generator(self.recipe.optimisation.seed, step)
        features = augmenter.masks(self.net.features(batch.audio), rng)
        label_frames, arousal_frames = self.net.score(features)
        logits, arousal = pooled(label_frames, batch.speech), pooled(arousal_frames, batch.speech)
        loss = functional.cross_entropy(
            logits, batch.label, ignore_index=UNLABELLED, label_smoothing=self.recipe.loss.label_smoothing
        )
        rated = batch.arousal != UNLABELLED
        target = batch.arousal[rated] * 0.9 + 0.05
        loss = loss + self.recipe.loss.arousal_weight * functional.binary_cross_entropy_with_logits(
            arousal[rated], target
        )
        if bool(batch.nonspeech.any()):
            flat = -functional.log_softmax(logits[batch.nonspeech], dim=1).mean()
            loss = loss + self.recipe.loss.nonspeech_weight * flat * batch.nonspeech.float().mean()
        return loss


class SpeakerObjective(nn.Module):
    """Additive angular margin softmax (Deng et al. 2019). The margin is 0 in the first quarter of the run and
    grows to its full size in the second.

    From `own_corpus_from_step` on, a voice competes with the voices of its own corpus only. Then nothing is
    gained by hearing which corpus a recording comes from: in a call, too, all voices share one line.
    """

    corpus: Tensor

    def __init__(self, recipe: SpeakerRecipe, corpus: Tensor) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = SpeakerNet(recipe.net)
        self.voices = nn.Parameter(torch.randn(len(corpus), recipe.net.embedding) * 0.1)
        self.register_buffer("corpus", corpus, persistent=False)

    def loss(self, batch: SpeakerBatch, augmenter: Augmenter, step: int) -> Tensor:
        rng = augmenter.generator(self.recipe.optimisation.seed, step)
        embedding = self.net.embed(augmenter.masks(self.net.features(batch.audio), rng))
        cosine = embedding @ functional.normalize(self.voices, dim=1).T
        own = cosine.gather(1, batch.speaker[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        logits = self.recipe.loss.scale * cosine.scatter(1, batch.speaker[:, None], self._shifted(own, step))
        if step >= self.recipe.loss.own_corpus_from_step:
            foreign = self.corpus[batch.speaker][:, None] != self.corpus[None, :]
            logits = logits.masked_fill(foreign, -torch.inf)
        return functional.cross_entropy(logits, batch.speaker)

    def _shifted(self, cosine: Tensor, step: int) -> Tensor:
        """The cosine of an angle that is wider by the step's margin."""
        margin = self.recipe.loss.margin * min(1.0, max(0.0, 4 * step / self.recipe.optimisation.steps - 1))
        # Beyond pi - margin the shifted cosine would rise again; the linear tail keeps the loss falling.
        tail = cosine - margin * math.sin(margin)
        return torch.where(cosine > -math.cos(margin), torch.cos(torch.acos(cosine) + margin), tail)
