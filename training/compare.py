"""Compares kinds of speaker networks under one budget: `python -m training.compare [--steps N] [--kinds KIND ...]`.

Each kind in `training/speaker-kinds.toml` is trained by the recipe `training/speaker.toml`, shortened to so many steps
in proportion, and measured on the validation speakers. Every finished training is kept in
`training/runs/comparison.json`; a run that was interrupted goes on with the missing ones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import tomllib
from pathlib import Path

import numpy as np
import torch

from evaluation.report import Results
from evaluation.speaker import ModelEmbedder, run_trials
from inference import checkpoint
from inference.embedded import EmbeddedSpeaker
from inference.speaker_net import SpeakerNet
from training.calibrate import CONDITIONS, COSINES, SPEAKER_CORPORA, part
from training.recipe import SpeakerRecipe, read_recipe, replaced
from training.train import RUNS, speaker_objective, train

RECIPE, KINDS, RESULTS = Path("training/speaker.toml"), Path("training/speaker-kinds.toml"), RUNS / "comparison.json"
LENGTH_S = 2.0
STAGES = {
    "optimisation": ("hold_steps", "warmup_steps"),
    "loss": ("margin_from", "margin_until", "settle_from"),
    "sampling": ("crop_grown", "late_from"),
}
"""Steps of a recipe that shrink with its length."""


def shortened(recipe: SpeakerRecipe, steps: int) -> SpeakerRecipe:
    """The recipe in `steps` steps, its stages in proportion."""
    share = steps / recipe.optimisation.steps
    changes = {
        table: {key: round(getattr(getattr(recipe, table), key) * share) for key in keys}
        for table, keys in STAGES.items()
    }
    changes["optimisation"]["steps"] = steps
    return replaced(recipe, changes)


def errors(net: SpeakerNet) -> dict[str, list[float]]:
    """Corpus -> equal error rate in %, clean and by telephone, of the validation speakers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        header: Results = {"name": "compared", "licence": "", "results": {}, "trained_on": []}
        checkpoint.save(path, net, header | {"thresholds": dict.fromkeys(COSINES, 0.0)})
        embedder = ModelEmbedder(EmbeddedSpeaker(path, "cpu"))
    validation, found = part("validation", SPEAKER_CORPORA), {}
    for dataset, entries in validation.by_dataset().items():
        if len({entry.speaker for entry in entries}) > 1:
            voices = list(validation.audio(entries))
            tried = [run_trials(voices, embedder, LENGTH_S, condition, per_recording=2) for condition in CONDITIONS]
            found[dataset] = [round(100 * trials.equal_error.rate, 1) for trials in tried]
    return found


def main() -> None:
    kinds = tomllib.loads(KINDS.read_text())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=sorted(kinds), default=list(kinds))
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = read_recipe(RECIPE)
    assert isinstance(recipe, SpeakerRecipe)
    recipe = shortened(recipe, arguments.steps)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for kind in arguments.kinds:
        name = f"{kind}, {arguments.steps} steps, seed {recipe.optimisation.seed}"
        if name not in results:
            began = time.monotonic()
            objective = speaker_objective(replaced(recipe, kinds[kind]))
            train(objective, recipe.optimisation)
            net = objective.shipped()
            assert isinstance(net, SpeakerNet)
            weights = sum(parameter.numel() for parameter in net.parameters())
            results[name] = {"weights": weights, "trained_s": round(time.monotonic() - began), "eer": errors(net)}
            RESULTS.write_text(json.dumps(results, indent=1))
        eer = results[name]["eer"]
        mean = np.mean(list(eer.values()), axis=0).round(1).tolist()
        print(name, results[name]["weights"], *(f"{key} {a} / {b}" for key, (a, b) in eer.items()), f"mean {mean}")


if __name__ == "__main__":
    main()
