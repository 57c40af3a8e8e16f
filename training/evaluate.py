"""Measures a network on speakers it has never heard.

`python -m training.evaluate emotion|speaker [--weights PATH] [--part held_out|validation] [--json]`
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference import checkpoint
from inference.emotion_net import EmotionNet
from inference.speaker_net import SpeakerNet
from training.corpus import Clip, Section
from training.data import KNOWN_LABELS, UNLABELLED
from training.metrics import auc, calibration_error, equal_error, unweighted_accuracy
from training.trials import EmotionTrials, conversation_trials, cosines, emotion_trials, speaker_trials

WEIGHTS = Path("inference/weights")
CONDITIONS = {"clean": False, "telephone": True}
SPEAKER_SETS = {
    "librispeech": "speakers",
    "an4": "speakers",
    "speechocean762": "speakers",
    "ravdess": "emotion",
}

Results = dict[str, Any]


def evaluate_emotion(net: EmotionNet, part: str = "held_out") -> Results:
    section, nonspeech = Section("emotion"), Section("nonspeech")
    clips = section.part(part)
    results: Results = {}
    for condition, narrow in CONDITIONS.items():
        trials = emotion_trials(net, section, clips, narrow=narrow)
        rows = {corpus: _emotion_row(trials, trials.dataset == corpus) for corpus in np.unique(trials.dataset)}
        rows["mean"] = {key: round(float(np.mean([row[key] for row in rows.values()])), 3) for key in rows["emodb"]}
        results[condition] = rows
        if noises := nonspeech.part(part):
            results[f"nonspeech {condition}"] = _nonspeech(net, nonspeech, noises, narrow=narrow)
    return results


def _emotion_row(trials: EmotionTrials, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, float]:
    known = chosen & (trials.label != UNLABELLED)
    rated = chosen & (trials.arousal != UNLABELLED)
    scores = softmax(trials.logits)
    truth, guess = trials.label[known], trials.logits[known].argmax(1)
    angry = KNOWN_LABELS.index("angry")
    row = {
        "clips": float(known.sum()),
        "ua": unweighted_accuracy(truth, guess),
        "angry_auc": auc(scores[known][:, angry], truth == angry),
        "arousal_auc": auc(trials.arousal_logit[rated], trials.arousal[rated] == 1),
        "ece": calibration_error(scores[known], truth),
    }
    return {key: round(value, 3) for key, value in row.items()}


def _nonspeech(net: EmotionNet, section: Section, clips: list[Clip], *, narrow: bool) -> Results:
    """What the network says where nobody speaks: it should be undecided."""
    trials = emotion_trials(net, section, clips, narrow=narrow)
    scores = softmax(trials.logits)
    labels = Counter(KNOWN_LABELS[index] for index in scores.argmax(1))
    return {
        "clips": len(clips),
        "mean_highest_score": round(float(scores.max(1).mean()), 3),
        "share_angry_above_half": round(float((scores[:, 0] > 0.5).mean()), 3),
        "mean_arousal": round(float((1 / (1 + np.exp(-trials.arousal_logit))).mean()), 3),
        "labels": dict(labels.most_common()),
    }


def evaluate_speaker(net: SpeakerNet, part: str = "held_out") -> Results:
    results: Results = {}
    for dataset, section_name in SPEAKER_SETS.items():
        section = Section(section_name)
        clips = [clip for clip in section.part(part) if clip.dataset == dataset]
        for condition, narrow in CONDITIONS.items():
            for window_s in (1.5, 3.0):
                if clips:
                    pairs, same = cosines(speaker_trials(net, section, clips, window_s, narrow=narrow))
                    results[f"{dataset} {condition} {window_s} s"] = speaker_row(pairs, same)
    pairs, same = cosines(conversation_trials(net, "auto_repairs_40"))
    results["auto_repairs_40 (a call)"] = speaker_row(pairs, same) | {"auc": round(auc(pairs, same), 4)}
    return results


def speaker_row(pairs: np.ndarray[Any, np.dtype[np.float64]], same: np.ndarray[Any, np.dtype[np.bool_]]) -> Results:
    rate, threshold = equal_error(pairs, same)
    row = {
        "eer": rate,
        "same": threshold,
        "same_mean": pairs[same].mean(),
        "same_std": pairs[same].std(),
        "different_mean": pairs[~same].mean(),
        "different_std": pairs[~same].std(),
    }
    return {"pairs": len(pairs)} | {key: round(float(value), 4) for key, value in row.items()}


def softmax(logits: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("emotion", "speaker"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--part", choices=("held_out", "validation"), default="held_out")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = arguments.weights or WEIGHTS / f"undertone-{arguments.role}-small.safetensors"
    if arguments.role == "emotion":
        results = evaluate_emotion(checkpoint.load_emotion(weights)[0], arguments.part)
    else:
        results = evaluate_speaker(checkpoint.load_speaker(weights)[0], arguments.part)
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for name, row in results.items():
        for key, value in ({name: row} if not isinstance(next(iter(row.values())), dict) else row).items():
            print(f"{name:28} {key if key != name else '':8} {value}")


if __name__ == "__main__":
    main()
