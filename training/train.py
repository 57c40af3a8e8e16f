"""Trains one of the embedded networks: `python -m training.train training/emotion.toml [--resume]`.

The run folder `training/runs/NAME` holds `last.pt` (everything needed to resume) and `weights.safetensors`,
which `python -m training.calibrate` turns into a release.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from inference import checkpoint
from training.data import KNOWN_LABELS, EmotionData, SpeakerData
from training.model import EmotionObjective, SpeakerObjective
from training.recipe import EmotionRecipe, Optimisation, SpeakerRecipe, read_recipe

RUNS = Path("training/runs")
LICENCE = "CC-BY-NC-SA-4.0"
EMOTION_CORPORA = ["EmoDB", "RAVDESS", "nEMO", "EMOVO"]
SPEAKER_CORPORA = ["speechocean762", "CMU AN4", "LibriSpeech", *EMOTION_CORPORA]


class Run:
    """Objective, data, optimiser and step of one training run."""

    def __init__(self, recipe: EmotionRecipe | SpeakerRecipe) -> None:
        torch.manual_seed(recipe.optimisation.seed)
        self.recipe = recipe
        self.folder = RUNS / recipe.name
        self.folder.mkdir(parents=True, exist_ok=True)
        batch = recipe.optimisation.batch
        if isinstance(recipe, EmotionRecipe):
            emotion, emotion_data = EmotionObjective(recipe), EmotionData(recipe)
            self.objective: EmotionObjective | SpeakerObjective = emotion
            self._loss: Callable[[int], Tensor] = lambda step: emotion.loss(
                emotion_data.batch(step, batch), emotion_data.augmenter, step
            )
        else:
            speaker_data = SpeakerData(recipe)
            speaker = SpeakerObjective(recipe, speaker_data.corpus)
            self.objective = speaker
            self._loss = lambda step: speaker.loss(speaker_data.batch(step, batch), speaker_data.augmenter, step)
        self.optimiser = optimiser(self.objective, recipe.optimisation)
        self.step = 0

    def advance(self) -> float:
        """One step; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.recipe.optimisation, self.step)
        self.objective.train()
        torch.manual_seed(self.recipe.optimisation.seed * 1_000_000 + self.step)  # dropout, whether resumed or not
        loss = self._loss(self.step)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.objective.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def save(self) -> None:
        state = {
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        partial = self.folder / "last.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "last.pt")
        labels = {"labels": list(KNOWN_LABELS)} if isinstance(self.recipe, EmotionRecipe) else {}
        corpora = EMOTION_CORPORA if isinstance(self.recipe, EmotionRecipe) else SPEAKER_CORPORA
        header = {
            "name": self.recipe.name,
            "licence": LICENCE,
            "thresholds": {},
            "trained_on": corpora,
            "results": {},
        }
        checkpoint.save(self.folder / "weights.safetensors", self.objective.net, header | labels)

    def resume(self) -> None:
        state = torch.load(self.folder / "last.pt", weights_only=True)
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def optimiser(objective: nn.Module, recipe: Optimisation) -> torch.optim.AdamW:
    """AdamW; biases and normalisation scales do not decay."""
    decaying = [parameter for parameter in objective.parameters() if parameter.ndim > 1]
    free = [parameter for parameter in objective.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def learning_rate(recipe: Optimisation, step: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def train(run: Run) -> None:
    total, started, first, smooth = run.recipe.optimisation.steps, time.monotonic(), run.step, None
    while run.step < total:
        loss = run.advance()
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        if run.step % 50 == 0:
            step_s = (time.monotonic() - started) / (run.step - first)
            left_min = (total - run.step) * step_s / 60
            pace = f"{step_s * 1000:.0f} ms/step, {left_min:.1f} min left"
            print(f"step {run.step}/{total}: loss {smooth:.3f}, {pace}", flush=True)
        if run.step % run.recipe.optimisation.save_every_steps == 0 or run.step == total:
            run.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's last checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = Run(read_recipe(arguments.recipe))
    if arguments.resume:
        run.resume()
    train(run)


if __name__ == "__main__":
    main()
