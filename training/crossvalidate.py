"""Leave one corpus out: `python -m training.crossvalidate [RECIPE] [--kinds KIND ...] [--corpora CORPUS ...]`.

Trains the recipe (by default `training/emotion.toml`; the kinds were searched with the shorter `training/search.toml`)
without a corpus and measures on that corpus, for each corpus and each of the `--kinds` of network, normalisation or
data in `training/kinds.toml`. Every finished training is kept in
`training/runs/crossvalidation.json`; a run that was interrupted goes on with the missing ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.measures import roc_auc, unweighted_accuracy
from inference.emotion_net import EmotionNet
from inference.features import LogMel
from inference.past import Past
from training.bank import Bank
from training.emotion_data import AROUSAL, KNOWN_LABELS, Rows, Streams, emotion_bank
from training.emotion_objective import EmotionObjective
from training.recipe import EmotionRecipe, read_recipe, replaced
from training.train import RUNS, train

KINDS, RESULTS = Path("training/kinds.toml"), RUNS / "crossvalidation.json"
CORPORA = ("emodb", "ravdess", "nemo", "emovo")
FOUR = ("angry", "happy", "neutral", "sad")
PARTS = ("train", "validation", "held_out")
STRETCH_ROWS = 1000


def bank_streams(bank: Bank, corpus: str, *, alone: bool, version: int = 0) -> list[list[int]]:
    """Items of a corpus as streams: each recording alone, or each speaker's in a random order."""
    by_speaker: dict[str, list[int]] = {}
    for n, item in enumerate(bank.items):
        if item.section == "emotion" and item.clip.dataset == corpus and item.version == version:
            by_speaker.setdefault(item.clip.speaker, []).append(n)
    if alone:
        return [[n] for own in by_speaker.values() for n in own]
    rng = np.random.default_rng(0)
    return [[own[n] for n in rng.permutation(len(own))] for own in by_speaker.values()]


@torch.inference_mode()
def pooled_logits(net: EmotionNet, bank: Bank, streams: list[list[int]], batch: int = 64) -> dict[int, NDArray[Any]]:
    """Item -> mean logits over its speech frames, (labels + 1,), arousal last; the state goes on within a stream."""
    sums: dict[int, NDArray[Any]] = {}
    lengths = [sum(int(bank.starts[n + 1] - bank.starts[n]) for n in stream) for stream in streams]
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), batch):
        chosen = [streams[i] for i in order[first : first + batch]]
        rows = [
            np.concatenate([np.arange(int(bank.starts[n]), int(bank.starts[n + 1])) for n in stream])
            for stream in chosen
        ]
        owner = [np.concatenate([np.repeat(n, (bank.starts[n + 1] - bank.starts[n]) // 2) for n in s]) for s in chosen]
        state, longest = None, max(len(row) for row in rows)
        for at in range(0, longest, STRETCH_ROWS):
            width = min(STRETCH_ROWS, longest - at)
            block: Rows = np.stack([row[np.minimum(np.arange(at, at + width), len(row) - 1)] for row in rows])
            past = Past(state, None, width // 2)
            labels, arousal = net.score(net.reference(torch.from_numpy(bank.features(block)), past), past)
            state = past.state()
            logits = torch.cat([labels, arousal[..., None]], dim=2).numpy()
            for b in range(len(chosen)):
                own = owner[b][at // 2 : (at + width) // 2]
                voiced = bank.speech[block[b, ::2] // 2][: len(own)]
                for n in np.unique(own):
                    mine = (own == n) & voiced
                    now = np.append(logits[b, : len(own)][mine].sum(0), mine.sum())
                    sums[int(n)] = sums.get(int(n), 0) + now
    return {n: total[:-1] / max(1, total[-1]) for n, total in sums.items()}


def measures(bank: Bank, logits: dict[int, NDArray[Any]]) -> dict[str, float]:
    """Accuracy among the four labels all corpora have, and the areas under the curves."""
    scores, emotion = np.stack(list(logits.values())), np.array([bank.items[n].clip.emotion for n in logits])
    known, rated = np.isin(emotion, FOUR), np.isin(emotion, list(AROUSAL))
    four = scores[known][:, [KNOWN_LABELS.index(label) for label in FOUR]]
    truth = np.array([FOUR.index(label) for label in emotion[known]])
    angry = four[:, 0] - np.logaddexp.reduce(four[:, 1:], axis=1)
    aroused = np.array([AROUSAL[label] for label in emotion[rated]]) == 1
    return {
        "ua": round(unweighted_accuracy(truth, four.argmax(1)), 3),
        "angry_auc": round(roc_auc(angry, truth == 0), 3),
        "arousal_auc": round(roc_auc(scores[rated][:, -1], aroused), 3),
    }


def fold(recipe: EmotionRecipe, bank: Bank, corpus: str) -> dict[str, Any]:
    """Trains without `corpus`, measures on it."""
    started = time.monotonic()
    torch.manual_seed(recipe.optimisation.seed)
    streams = Streams(bank, recipe.streams, recipe.optimisation.seed, PARTS, omit=corpus)
    objective = EmotionObjective(recipe.loss, recipe.net, streams, recipe.optimisation.batch)
    train(objective, recipe.optimisation)
    spent_s, net = time.monotonic() - started, objective.shipped()
    rows = {
        name: measures(bank, pooled_logits(net, bank, bank_streams(bank, corpus, alone=alone)))
        for name, alone in (("each clip alone", True), ("speaker so far", False))
    }
    return rows | {"trained_s": round(spent_s)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = tomllib.loads(KINDS.read_text())
    parser.add_argument("recipe", nargs="?", type=Path, default=Path("training/emotion.toml"))
    parser.add_argument("--kinds", nargs="+", choices=sorted(kinds), default=["shipped"])
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    base = read_recipe(arguments.recipe)
    assert isinstance(base, EmotionRecipe)
    net = base.net
    bank = emotion_bank(base.streams, base.calls, LogMel(net.mels, net.low_hz, net.high_hz))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    overrides = {key: getattr(arguments, key) for key in ("steps", "seed") if getattr(arguments, key) is not None}
    for kind in arguments.kinds:
        recipe = replaced(base, kinds[kind])
        recipe = dataclasses.replace(recipe, optimisation=dataclasses.replace(recipe.optimisation, **overrides))
        name = f"{arguments.recipe.stem}: {kind}, {recipe.optimisation.steps} steps, seed {recipe.optimisation.seed}"
        row = results.setdefault(name, {})
        for corpus in arguments.corpora:
            if corpus not in row:
                row[corpus] = fold(recipe, bank, corpus)
                RESULTS.write_text(json.dumps(results, indent=1))
        print(name)
        for how in ("each clip alone", "speaker so far"):
            table = {corpus: list(row[corpus][how].values()) for corpus in CORPORA if corpus in row}
            table["mean"] = [round(float(value), 3) for value in np.mean(list(table.values()), axis=0)]
            print(f"  {how:16}", *(f"{corpus} {' / '.join(map(str, values))}" for corpus, values in table.items()))


if __name__ == "__main__":
    main()
