"""Turns a run into a release: `python -m training.calibrate training/emotion.toml`.

Reads `training/runs/NAME/weights.safetensors`, sets what only measurement can set on the validation speakers,
measures on the held-out speakers as `undertone evaluate` does, and writes `inference/weights/NAME.safetensors`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.alerts import Sweep
from evaluation.alerts import evaluate as evaluate_alerts
from evaluation.emotion import EmotionScores, score_recordings
from evaluation.emotion import evaluate as evaluate_emotion
from evaluation.manifest import SPLIT, Manifest, data_folder, filters, read_manifest
from evaluation.measures import softmax
from evaluation.report import Results, rounded
from evaluation.speaker import ModelEmbedder, run_trials
from evaluation.speaker import evaluate as evaluate_speaker
from inference import checkpoint
from inference.embedded import EmbeddedEmotion, EmbeddedSpeaker
from inference.loading import WEIGHTS, silero
from inference.model import Models
from monitor.analysis import DEFAULT_ALERTS, Role
from monitor.rules import default_rules
from stream_server.settings import Settings
from training.recipe import EmotionRecipe, read_recipe
from training.train import RUNS

CONDITIONS = ("clean", "telephone")
EMOTION_CORPORA = "dataset=emodb,ravdess,nemo,emovo"
SPEAKER_CORPORA = "dataset=librispeech,an4,speechocean762,ravdess"
TEMPERATURES = np.geomspace(0.3, 5, 60)
CALM = ("conversations", "speakers/librispeech")
"""Recordings in which nobody is angry or afraid."""
COSINES = ("same", "same_mean", "same_std", "different_mean", "different_std")


def part(name: str, corpora: str) -> Manifest:
    """The recordings of a part of the split."""
    return read_manifest(data_folder() / "index.csv", ("speaker",), filters([corpora], name, SPLIT))


def temperatures(scores: list[EmotionScores]) -> Results:
    """What to divide the heads by, so that the softmax and the sigmoid of the mean logits are calibrated, and from
    which confidence on they are right often enough."""
    dataset = np.array([entry.dataset for each in scores for entry in each.entries])
    logits, truth = np.concatenate([each.known_logits for each in scores]), np.concatenate([s.truth for s in scores])
    arousal, aroused = np.concatenate([s.arousal for s in scores]), np.concatenate([s.aroused for s in scores])
    known, rated = truth >= 0, aroused >= 0
    two_way = np.stack([np.zeros_like(arousal), arousal], axis=1)
    temperature = likeliest_temperature(logits[known], truth[known], dataset[known])
    chances = softmax(logits[known] / temperature)
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == truth[known]
    return {
        "temperature_folded_in": temperature,
        "arousal_temperature_folded_in": likeliest_temperature(two_way[rated], aroused[rated], dataset[rated]),
        "medium_from": confidence_for(0.6, confidence, right),
        "high_from": confidence_for(0.75, confidence, right),
    }


def confidence_for(accuracy: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The smallest confidence from which on this share of the answers is right; 1 where there is none."""
    levels = [level for level in np.arange(0.2, 1.0, 0.01) if (confidence >= level).any()]
    reached = [level for level in levels if right[confidence >= level].mean() >= accuracy]
    return round(float(min(reached, default=1.0)), 2)


def likeliest_temperature(logits: NDArray[np.float64], truth: NDArray[np.int64], dataset: NDArray[np.str_]) -> float:
    """Minimises the mean negative log likelihood, corpora weighing the same."""
    _, inverse, counts = np.unique(dataset, return_inverse=True, return_counts=True)
    weight = 1 / counts[inverse]

    def cost(temperature: float) -> float:
        likelihood = softmax(logits / temperature)[np.arange(len(truth)), truth]
        return float(-(weight * np.log(likelihood + 1e-12)).sum())

    return round(float(min(TEMPERATURES, key=cost)), 3)


def release_emotion(source: Path, target: Path, name: str) -> Results:
    """Calibrate, write and measure an emotion network; its header."""
    net, header = checkpoint.load_emotion(source)
    validation, model = part("validation", EMOTION_CORPORA), EmbeddedEmotion(source, "cpu")
    thresholds = temperatures([score_recordings(validation, validation.entries, model, c) for c in CONDITIONS])
    divisors = thresholds["temperature_folded_in"], thresholds["arousal_temperature_folded_in"]
    with torch.no_grad():
        for head, divisor in zip((net.label_head, net.arousal_head), divisors, strict=True):
            head.weight.div_(divisor)
            head.bias.div_(divisor)
    header |= {"name": name, "thresholds": thresholds}
    checkpoint.save(target, net, header)
    header["thresholds"] |= {"alerts": alert_levels(target)}
    held_out = part("held_out", EMOTION_CORPORA)
    results = evaluate_emotion(held_out, held_out.entries, EmbeddedEmotion(target, "cpu"), CONDITIONS)
    header["results"] = rounded(emotion_summary(results), 3)
    checkpoint.save(target, net, header)
    return header


def set_alert_levels(target: Path) -> Results:
    """Choose the levels of the default alert rules anew for a network that is released; its header."""
    net, header = checkpoint.load_emotion(target)
    header["thresholds"] |= {"alerts": alert_levels(target)}
    checkpoint.save(target, net, header)
    return header


def alert_levels(path: Path) -> Results:
    """Of each default rule the level, and how long it must last, that notice most on the validation speakers and cry
    wolf at most once in an hour of calm speech, clean and on the telephone."""
    model, data = EmbeddedEmotion(path, "cpu"), data_folder()
    rules = default_rules(replace(model.spec, alerts=DEFAULT_ALERTS))
    calm = [data / folder for folder in CALM]
    sweep = Sweep([round(level, 2) for level in np.arange(0.3, 0.96, 0.05)], (0.0, 1.0, 2.0, 3.0))
    models: Models = {Role.EMOTION: model, Role.SPEECH: silero("cpu")}
    found = evaluate_alerts(part("validation", EMOTION_CORPORA), models, Settings(), rules, sweep, calm, CONDITIONS, 0)
    chosen = {name: each["chosen"] for name, each in found["rules"].items()}
    for name in [name for name, each in chosen.items() if each is None]:
        print(f"{name}: no level notices anything and cries wolf that seldom; the usual one stays", file=sys.stderr)
    return {
        name: {"above": each["level"], "clear": each["clear"], "for_s": each["for_s"]}
        for name, each in chosen.items()
        if each is not None
    }


def emotion_summary(results: Results) -> Results:
    """Per condition and corpus the measures, each recording alone and in calls."""
    return {
        condition: {
            "alone": found["datasets"] | {"mean": found["mean_of_datasets"]},
            "in_calls": found["in_calls"]["datasets"] | {"mean": found["in_calls"]["mean_of_datasets"]},
        }
        for condition, found in results["conditions"].items()
    }


def release_speaker(source: Path, target: Path, name: str) -> Results:
    """Measure, write and measure a speaker network; its header.

    The tracker's cosines are those of the validation speakers' stretches of 1.5 s on the telephone; corpora weigh the
    same.
    """
    net, header = checkpoint.load_speaker(source)
    header |= {"name": name, "thresholds": dict.fromkeys(COSINES, 0.0)}
    checkpoint.save(target, net, header)
    embedder = ModelEmbedder(EmbeddedSpeaker(target, "cpu"))
    validation = part("validation", SPEAKER_CORPORA)
    corpora = [entries for entries in validation.by_dataset().values() if len({e.speaker for e in entries}) > 1]
    found = [
        run_trials(list(validation.audio(entries)), embedder, 1.5, "telephone", per_recording=2).distribution()
        for entries in corpora
    ]
    header["thresholds"] = {key: round(float(np.mean([row[key] for row in found])), 4) for key in COSINES}
    checkpoint.save(target, net, header)
    header["results"] = rounded(evaluate_speaker(part("held_out", SPEAKER_CORPORA), [embedder], CONDITIONS, seed=0))
    checkpoint.save(target, net, header)
    return header


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--run", type=Path, help="another run folder than training/runs/NAME")
    parser.add_argument("--alerts", action="store_true", help="choose alert levels anew for what is released; no more")
    parser.add_argument("--out", type=Path, help="another file than inference/weights/NAME.safetensors")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = read_recipe(arguments.recipe)
    target = arguments.out or WEIGHTS / f"{recipe.name}.safetensors"
    if arguments.alerts:
        print(json.dumps(set_alert_levels(target)["thresholds"], indent=1))
        return
    source = (arguments.run or RUNS / recipe.name) / "weights.safetensors"
    release = release_emotion if isinstance(recipe, EmotionRecipe) else release_speaker
    header = release(source, target, recipe.name)
    print(json.dumps({"thresholds": header["thresholds"], "results": header["results"]}, indent=1))


if __name__ == "__main__":
    main()
