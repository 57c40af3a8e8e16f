"""What training adds to the speaker network: the losses, and the speaker classes that are thrown away afterwards."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.past import Past
from inference.speaker_net import SpeakerNet, SpeakerNetConfig
from training.speaker_data import SpeakerBatch, SpeakerData
from training.teacher import CELLS

LEAD_FRAMES = 48
"""Of 10 ms: how much of what came before a crop the convolutions are shown; more than they can see."""

LONGEST = 8.0
"""What came before a crop counts up to so many times its length in the reference."""


@dataclass(frozen=True, slots=True)
class SpeakerLoss:
    """`margin` grows from 0 between the steps `margin_from` and `margin_until`. `pair_weight` is that of the contrast
    of the two crops of a voice within the batch. `average`: share of the old weights that the moving average keeps per
    step. From step `settle_from` on the voices' own weights move by a share `settle_rate` only: most are heard rarely,
    and Adam makes much of little. `teacher_weight`: of one minus the cosine to the teacher's target."""

    scale: float
    margin: float
    margin_from: int
    margin_until: int
    pair_weight: float
    pair_scale: float
    average: float
    settle_from: int
    settle_rate: float
    teacher_weight: float


class SpeakerObjective(nn.Module):
    """Additive angular margin softmax (Deng et al. 2019) over the voices, and over the batch's pairs of crops.

    A voice competes with the voices of its own corpus only. So nothing is gained by hearing which corpus a recording
    comes from: in a call, too, all voices share one line. The teacher's target, through a linear map that is thrown
    away too, says which voices are alike, also those that are no speaker's of the corpora. `average` is the moving
    average of `net`'s weights: what ships.
    """

    corpus: Tensor

    def __init__(self, recipe: SpeakerLoss, config: SpeakerNetConfig, data: SpeakerData, seed: int, batch: int) -> None:
        super().__init__()
        self.recipe, self.net = recipe, SpeakerNet(config)
        self.net.reference.prior.copy_(data.shape())
        self.average = copy.deepcopy(self.net).requires_grad_(requires_grad=False).eval()
        self.voices = nn.Parameter(torch.randn(len(data.corpus), config.embedding) * 0.1)
        self.to_teacher = nn.Linear(config.embedding, CELLS, bias=False)
        self.register_buffer("corpus", data.corpus, persistent=False)
        self._data, self._seed, self._batch = data, seed, batch
        self._voices_before = self.voices.detach().clone()

    def loss(self, step: int) -> Tensor:
        self.net.train()
        self._voices_before.copy_(self.voices.detach())
        recipe, batch = self.recipe, self._data.batch(step, self._batch)
        embedding = self.embed(batch, np.random.default_rng([self._seed, step, 1]))
        grown = (step - recipe.margin_from) / (recipe.margin_until - recipe.margin_from)
        margin = recipe.margin * min(1.0, max(0.0, grown))
        cosine = embedding @ functional.normalize(self.voices, dim=1).T
        own = cosine.gather(1, batch.voice[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        logits = recipe.scale * cosine.scatter(1, batch.voice[:, None], shifted(own, margin))
        foreign = self.corpus[batch.voice][:, None] != self.corpus[None, :]
        loss = functional.cross_entropy(logits.masked_fill(foreign, -torch.inf), batch.voice)
        one, other = embedding[::2], embedding[1::2]
        corpus = self.corpus[batch.voice[::2]]
        contrast = (recipe.pair_scale * one @ other.T).masked_fill(corpus[:, None] != corpus, -torch.inf)
        target = torch.arange(len(one))
        pairs = functional.cross_entropy(contrast, target) + functional.cross_entropy(contrast.T, target)
        apart = 1 - functional.cosine_similarity(self.to_teacher(embedding), batch.target).mean()
        return loss + recipe.pair_weight * 0.5 * pairs + recipe.teacher_weight * apart

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        if step >= self.recipe.settle_from:
            before = self._voices_before
            self.voices.copy_(before + self.recipe.settle_rate * (self.voices - before))
        keep = min(self.recipe.average, (step + 1) / (step + 10))
        for slow, now in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(now, 1 - keep)
            else:
                slow.copy_(now)

    def shipped(self) -> SpeakerNet:
        return self.average

    def embed(self, batch: SpeakerBatch, rng: np.random.Generator) -> Tensor:
        before = batch.level_db.shape[1] - batch.crop_frames
        lead = min(LEAD_FRAMES, before)
        past = Past()
        if before:
            earlier = self.net.reference(batch.level_db[:, :before], past)
            # As if what came before had lasted so many times as long: the sums grow, their ratios stay.
            past = Past(past.state() * torch.from_numpy(rng.uniform(1, LONGEST, (len(earlier), 1))).float())
            later = self.net.reference(batch.level_db[:, before:], past)
            features = torch.cat([earlier[:, before - lead :], later], dim=1)
        else:
            features = self.net.reference(batch.level_db, past)
        values, logits = self.net.trunk(self._data.masks(features, rng), Past())
        return self.net.embed(values[:, lead // 2 :], logits[:, lead // 2 :], batch.speech)


def shifted(cosine: Tensor, margin: float) -> Tensor:
    """The cosine of an angle that is wider by the margin."""
    # Beyond pi - margin the shifted cosine would rise again; the linear tail keeps the loss falling.
    tail = cosine - margin * math.sin(margin)
    return torch.where(cosine > -math.cos(margin), torch.cos(torch.acos(cosine) + margin), tail)
