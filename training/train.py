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
from typing import Protocol

import torch
from torch import Tensor, nn

from inference import checkpoint
from inference.emotion_net import EmotionNet
from inference.features import LogMel
from inference.speaker_net import SpeakerNet
from training.emotion_data import KNOWN_LABELS, Streams, emotion_bank
from training.emotion_objective import EmotionObjective
from training.recipe import EmotionRecipe, Optimisation, SpeakerRecipe, read_recipe
from training.speaker_data import SpeakerData
from training.speaker_objective import SpeakerObjective

RUNS = Path("training/runs")
LICENCE = "CC-BY-NC-SA-4.0"
EMOTION_CORPORA = ["EmoDB", "RAVDESS", "nEMO", "EMOVO"]


class Objective(Protocol):
    """A module to train; its batches are a pure function of the step."""

    def loss(self, step: int) -> Tensor: ...
    def after_step(self, step: int) -> None: ...
    def shipped(self) -> EmotionNet | SpeakerNet: ...


def optimiser(objective: nn.Module, recipe: Optimisation) -> torch.optim.AdamW:
    """AdamW; biases and normalisation scales do not decay."""
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def learning_rate(recipe: Optimisation, step: int) -> float:
    """Linear warm-up, the full rate until `hold_steps`, then half a cosine down to zero."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    falling = max(0, step - recipe.hold_steps) / (recipe.steps - recipe.hold_steps)
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * falling))


def train(
    objective: Objective, recipe: Optimisation, state: Path | None = None, on_save: Callable[[], None] = lambda: None
) -> None:
    """To the end of the recipe, from the start or from what `state` holds; keeps `state` up to date."""
    module = objective
    assert isinstance(module, nn.Module)
    chosen, first = optimiser(module, recipe), 0
    if state is not None and state.exists():
        kept = torch.load(state, weights_only=True)
        module.load_state_dict(kept["objective"])
        chosen.load_state_dict(kept["optimiser"])
        first = kept["step"]
    started, smooth = time.monotonic(), None
    for step in range(first, recipe.steps):
        for group in chosen.param_groups:
            group["lr"] = learning_rate(recipe, step)
        torch.manual_seed(recipe.seed * 1_000_000 + step)  # dropout, whether resumed or not
        loss = objective.loss(step)
        chosen.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        chosen.step()
        objective.after_step(step)
        cost = float(loss.detach())
        smooth = cost if smooth is None else 0.98 * smooth + 0.02 * cost
        done = step + 1
        if done % 50 == 0:
            step_s = (time.monotonic() - started) / (done - first)
            left_min = (recipe.steps - done) * step_s / 60
            pace = f"{step_s * 1000:.0f} ms/step, {left_min:.1f} min left"
            print(f"step {done}/{recipe.steps}: loss {smooth:.3f}, {pace}", flush=True)
        if state is not None and (done % recipe.save_every_steps == 0 or done == recipe.steps):
            kept = {"objective": module.state_dict(), "optimiser": chosen.state_dict(), "step": done}
            torch.save(kept, state.with_suffix(".partial"))
            state.with_suffix(".partial").replace(state)
            on_save()


def emotion_objective(recipe: EmotionRecipe) -> EmotionObjective:
    net = recipe.net
    bank = emotion_bank(recipe.streams, recipe.calls, LogMel(net.mels, net.low_hz, net.high_hz))
    streams = Streams(bank, recipe.streams, recipe.optimisation.seed)
    torch.manual_seed(recipe.optimisation.seed)
    return EmotionObjective(recipe.loss, net, streams, recipe.optimisation.batch)


def speaker_objective(recipe: SpeakerRecipe) -> SpeakerObjective:
    net, seed = recipe.net, recipe.optimisation.seed
    log_mel = LogMel(net.mels, net.low_hz, net.high_hz)
    data = SpeakerData(seed, recipe.bank, recipe.sampling, recipe.augment, log_mel, recipe.datasets)
    torch.manual_seed(seed)
    return SpeakerObjective(recipe.loss, net, data, seed, recipe.optimisation.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's last checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = read_recipe(arguments.recipe)
    folder = RUNS / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.resume:
        (folder / "last.pt").unlink(missing_ok=True)
    objective: EmotionObjective | SpeakerObjective
    header = {"name": recipe.name, "thresholds": {}, "results": {}}
    if isinstance(recipe, EmotionRecipe):
        objective = emotion_objective(recipe)
        header |= {"licence": LICENCE, "labels": list(KNOWN_LABELS), "trained_on": EMOTION_CORPORA}
    else:
        objective = speaker_objective(recipe)
        header |= {"licence": recipe.licence, "trained_on": list(recipe.datasets)}

    def write() -> None:
        checkpoint.save(folder / "weights.safetensors", objective.shipped(), header)

    train(objective, recipe.optimisation, folder / "last.pt", write)


if __name__ == "__main__":
    main()
