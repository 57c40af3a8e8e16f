from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from training.corpus import SPLIT, data_root, read_split

PARTS = {"train", "validation", "held_out"}


def test_every_corpus_is_trained_on_and_measured_on_different_speakers() -> None:
    with SPLIT.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["speaker"] for row in rows}) == len(rows)
    parts = defaultdict(set)
    for row in rows:
        parts[row["dataset"]].add(row["part"])
    assert all({"train", "held_out"} <= found <= PARTS for found in parts.values()), parts


@pytest.mark.skipif(not (data_root() / "index.csv").exists(), reason="the recordings are not here")
def test_the_split_names_every_speaker_of_the_recordings() -> None:
    with (data_root() / "index.csv").open(newline="") as file:
        assert {row["speaker"] for row in csv.DictReader(file)} == set(read_split())
