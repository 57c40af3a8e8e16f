"""Turns a run into a release: `python -m training.calibrate emotion|speaker`.

Reads `training/runs/NAME/weights.safetensors`, sets what only measurement can set on the validation speakers,
measures on the held-out speakers, and writes `inference/weights/NAME.safetensors`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference import checkpoint
from inference.emotion_net import EmotionNet
from inference.speaker_net import SpeakerNet
from training.corpus import Section
from training.data import UNLABELLED
from training.evaluate import (
    SPEAKER_SETS,
    WEIGHTS,
    Results,
    evaluate_emotion,
    evaluate_speaker,
    softmax,
    speaker_row,
)
from training.train import RUNS
from training.trials import cosines, emotion_trials, speaker_trials

TEMPERATURES = np.geomspace(0.3, 5, 60)


def calibrate_emotion(net: EmotionNet) -> Results:
    """Divides each head by the temperature that makes the validation labels likeliest; returns both.

    From then on the softmax and the sigmoid of the network's pooled logits are calibrated as they stand.
    """
    section = Section("emotion")
    clips = section.part("validation")
    both = [emotion_trials(net, section, clips, narrow=narrow) for narrow in (False, True)]
    dataset = np.concatenate([trials.dataset for trials in both])
    label = np.concatenate([trials.label for trials in both])
    arousal = np.concatenate([trials.arousal for trials in both])
    logits = np.concatenate([trials.logits for trials in both])
    arousal_logit = np.concatenate([trials.arousal_logit for trials in both])
    known, rated = label != UNLABELLED, arousal != UNLABELLED
    two_way = np.stack([np.zeros_like(arousal_logit), arousal_logit], axis=1)
    temperature = likeliest_temperature(logits[known], label[known], dataset[known])
    arousal_temperature = likeliest_temperature(two_way[rated], arousal[rated], dataset[rated])
    with torch.no_grad():
        for head, divisor in ((net.label_head, temperature), (net.arousal_head, arousal_temperature)):
            head.weight.div_(divisor)
            head.bias.div_(divisor)
    scores = softmax(logits[known] / temperature)
    confidence, right = scores.max(1), scores.argmax(1) == label[known]
    return {
        "temperature_folded_in": temperature,
        "arousal_temperature_folded_in": arousal_temperature,
        "medium_from": confidence_for(0.6, confidence, right),
        "high_from": confidence_for(0.75, confidence, right),
    }


def confidence_for(accuracy: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The smallest confidence from which on this share of the answers is right; 1 where there is none."""
    levels = np.arange(0.2, confidence.max(), 0.01)
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


def calibrate_speaker(net: SpeakerNet) -> Results:
    """Cosines of the validation speakers' 1.5 s telephone windows, each corpus weighing the same."""
    rows = []
    for dataset, section_name in SPEAKER_SETS.items():
        section = Section(section_name)
        clips = [clip for clip in section.part("validation") if clip.dataset == dataset]
        if clips:
            rows.append(speaker_row(*cosines(speaker_trials(net, section, clips, 1.5, narrow=True))))
    keys = ("same", "same_mean", "same_std", "different_mean", "different_std")
    return {key: round(float(np.mean([row[key] for row in rows])), 4) for key in keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("emotion", "speaker"))
    parser.add_argument("--run", type=Path, help="another run folder than training/runs/NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name = f"undertone-{arguments.role}-small"
    source = (arguments.run or RUNS / name) / "weights.safetensors"
    net: EmotionNet | SpeakerNet
    if arguments.role == "emotion":
        net, header = checkpoint.load_emotion(source)
        header["thresholds"] = calibrate_emotion(net)
        header["results"] = evaluate_emotion(net)
    else:
        net, header = checkpoint.load_speaker(source)
        header["thresholds"] = calibrate_speaker(net)
        header["results"] = evaluate_speaker(net)
    header["name"] = name
    checkpoint.save(WEIGHTS / f"{name}.safetensors", net, header)
    print(json.dumps({"thresholds": header["thresholds"], "results": header["results"]}, indent=1))


if __name__ == "__main__":
    main()
